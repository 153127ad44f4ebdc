"""`polaris-parsl version`: the version, as `--version` prints it, too."""

from polaris_parsl.cli.say import say
from polaris_parsl.version import VERSION


def version() -> None:
    """Print the version."""
    say(VERSION)
