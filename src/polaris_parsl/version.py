"""The name of this distribution, its command and its module; its version: year, month, number."""

NAME = "polaris-parsl"
VERSION = "2026.11.1"
# bin/polaris-parsl gets so much more than the exit code from a Python that is its own
SAID = 100
