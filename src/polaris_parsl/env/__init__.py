"""Build, verify and publish installs: base, locks, overlay, modulefile. Runs in the tools environment."""
