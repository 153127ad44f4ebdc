"""Reads configurations and job scripts that people have, and says them as `polaris_parsl.config`."""
