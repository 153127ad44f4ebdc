"""Translates a configuration or job script into a call of `polaris_parsl.config`."""
