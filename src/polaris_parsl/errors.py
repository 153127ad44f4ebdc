"""Every way in which polaris_parsl refuses to go on, and the one in which it warns.

Each class is one kind of failure, with the exit code that the command line
returns for it (README, "Exit codes").
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


class PolarisParslError(Exception):
    """A refusal that names the problem, with the value and the limit, and the remedy.

    Args:
        problem: what is wrong, with the offending value.
        remedy: what to do about it.
    """

    exit_code = 1

    def __init__(self, problem: str, *, remedy: str) -> None:
        super().__init__(f"{problem}\n  fix: {remedy}")
        self.problem = problem
        self.remedy = remedy


class BaseEnvironmentError(PolarisParslError):
    """The base is no Python, not a supported one, or not readable; or its Parsl is not supported."""

    exit_code = 3


class LockError(PolarisParslError):
    """A lock is missing, malformed, or does not match what was found."""

    exit_code = 4


class OptionError(PolarisParslError):
    """A configuration option has a value that cannot work on the system."""

    exit_code = 5


class PrefixError(PolarisParslError):
    """The prefix cannot be written, or already holds what was to be made."""

    exit_code = 6


class MissingToolError(PolarisParslError):
    """A program that is needed is not on this machine."""

    exit_code = 7


class SandboxError(PolarisParslError):
    """The sandbox cannot start, or was asked for something it does not imitate."""

    exit_code = 8


class ReceiptError(PolarisParslError):
    """The receipt of an install is missing, damaged, or of another version of polaris-parsl."""

    exit_code = 12


class AdoptError(PolarisParslError):
    """A file to adopt makes no configuration, or is of no kind that can be read."""

    exit_code = 13


class BundleError(PolarisParslError):
    """A bundle is damaged, tampered with, or none at all; or what was to be pinned does not fit."""

    exit_code = 14


class VersionError(PolarisParslError):
    """A prefix has no such version, or its versions and their users do not allow what was asked."""

    exit_code = 15


class PolarisParslWarning(UserWarning):
    """Something works, but not as the author of the workflow probably expects."""


@contextmanager
def set_in(place: str) -> Iterator[None]:
    """Let a refusal of an option say in which file or variable the value stands.

    Args:
        place: its name; "" where the caller gave the value.
    """
    try:
        yield
    except OptionError as error:
        if not place:
            raise
        raise OptionError(f"{place}: {error.problem}", remedy=error.remedy) from None


def warn(text: str) -> None:
    """Warn as PolarisParslWarning, at the line outside of this package that led here."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("polaris_parsl."):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, PolarisParslWarning, stacklevel=level)
