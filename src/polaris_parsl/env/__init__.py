"""Builds, verifies and publishes installs: base, locks, overlay, modulefiles. Runs in the tools environment."""
