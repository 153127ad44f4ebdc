"""The `polaris-parsl` command: one file per verb, assembled in main.py. Runs in the tools environment."""
