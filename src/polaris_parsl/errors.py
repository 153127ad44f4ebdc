"""Every way in which polaris_parsl refuses to go on, and the one in which it warns.

Each class is one kind of failure, with the exit code that the command line
returns for it. ExitCode lists all of them; the table in README is made from it.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import CodeType
from typing import Self

from polaris_parsl.text import printable


class ExitCode(IntEnum):
    """What `polaris-parsl` returns, each number with one meaning, in Markdown.

    `sandbox` alone returns the exit code of the command that it runs.
    """

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        """A number that carries its meaning."""
        code = int.__new__(cls, value)
        code._value_ = value
        code.meaning = meaning
        return code

    DONE = 0, "done; `verify`: intact"
    FAILED = 1, "failed for a reason that is not listed here"
    USAGE = 2, "the command line is wrong"
    BASE = 3, "the base is not a supported Python, is not readable, or has an unsupported Parsl"
    LOCK = 4, "a lock is missing, malformed, or does not match what was found"
    OPTION = 5, "a configuration option cannot work"
    PREFIX = (
        6,
        (
            "the prefix or directory cannot be written, cannot be shared with the group, or the target "
            "exists; or a disk is full"
        ),
    )
    TOOL = 7, "a program or the source tree is missing, or a program does not answer"
    SANDBOX = 8, "the sandbox cannot start, or a fault cannot be made in it"
    QUEUES = 9, "`queues --refresh`: PBS's queues differ from the facts"
    COSMETIC = 10, "`verify`: something changed that the install does not use"
    RELEVANT = 11, "`verify`: something changed that the install uses; `recreate`: a file differs"
    BROKEN = 12, "`verify`: the install cannot work, or is not what was installed"
    ADOPT = 13, "a file to adopt makes no configuration"
    BUNDLE = 14, "a bundle is damaged, or what was to be pinned does not fit"
    VERSION = 15, "there is no such version, somebody uses it, or it is the default"
    ACCESS = 16, "`audit`: a member cannot read or change something, or an outsider can write it"
    RECEIPT = 17, "the receipt of an install is missing, damaged, or of another polaris-parsl"
    BLOCK = 18, "PBS refuses the job of a run, or its workers never come"
    TASK = 19, "a task was cut off by the walltime, or lost with its node, too often"
    PROBLEM = 20, "`doctor`: there is a problem"
    RUN = 21, "a directory holds no run with a record, or its record cannot be read"


class PolarisParslError(Exception):
    """A refusal that names the problem, with the value and the limit, and the remedy.

    Args:
        problem: what is wrong, with the offending value, which may be anybody's.
        remedy: what to do about it.
    """

    exit_code: int = ExitCode.FAILED

    def __init__(self, problem: str, *, remedy: str) -> None:
        self.problem, self.remedy = printable(problem), printable(remedy)
        super().__init__(f"{self.problem}\n  fix: {self.remedy}")


class BaseEnvironmentError(PolarisParslError):
    """The base is not a working Python, not a supported one, or not readable; or its Parsl is not supported."""

    exit_code = ExitCode.BASE


class LockError(PolarisParslError):
    """A lock is missing, malformed, or does not match what was found."""

    exit_code = ExitCode.LOCK


class OptionError(PolarisParslError):
    """A configuration option has a value that cannot work on the system."""

    exit_code = ExitCode.OPTION


class PrefixError(PolarisParslError):
    """The prefix cannot be written, or the target exists."""

    exit_code = ExitCode.PREFIX


class MissingToolError(PolarisParslError):
    """A program that is needed is not on this machine."""

    exit_code = ExitCode.TOOL


class SandboxError(PolarisParslError):
    """The sandbox cannot start, or was asked for something it does not imitate."""

    exit_code = ExitCode.SANDBOX


class ReceiptError(PolarisParslError):
    """The receipt of an install is missing, damaged, or of another version of polaris-parsl."""

    exit_code = ExitCode.RECEIPT


class AdoptError(PolarisParslError):
    """A file to adopt makes no configuration, or is of no kind that can be read."""

    exit_code = ExitCode.ADOPT


class BundleError(PolarisParslError):
    """A bundle is damaged, tampered with, or none at all; or what was to be pinned does not fit."""

    exit_code = ExitCode.BUNDLE


class BlockError(PolarisParslError):
    """A run cannot go on: PBS refuses its job, or the workers never come."""

    exit_code = ExitCode.BLOCK


class TaskError(PolarisParslError):
    """A task was lost so often, through no fault of its code, that it does not run again."""

    exit_code = ExitCode.TASK


class RunError(PolarisParslError):
    """A directory holds no run that has a record, or the record cannot be read."""

    exit_code = ExitCode.RUN


class VersionError(PolarisParslError):
    """A prefix has no such version, or its versions and their users do not allow what was asked."""

    exit_code = ExitCode.VERSION


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


def warn(text: str, *, of: CodeType | None = None) -> None:
    """Warn as PolarisParslWarning, at the line outside of this package that led here.

    Args:
        text: of the warning.
        of: code of a function of the user, which then is the place.
    """
    if of:
        place = (of.co_filename, of.co_firstlineno)
        warnings.warn_explicit(printable(text), PolarisParslWarning, *place)
        return
    level, frame = 2, sys._getframe(1)
    while frame.f_back and _is_ours(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(printable(text), PolarisParslWarning, stacklevel=level)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in {"polaris_parsl", "importlib"}
