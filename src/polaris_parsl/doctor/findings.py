"""What the doctor finds, and in which order it looks, so that a cause hides what follows from it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from polaris_parsl.doctor.here import Here
from polaris_parsl.errors import PolarisParslError


class Status(StrEnum):
    """How a promise stands."""

    OK = "ok"
    NOTE = "note"
    UNKNOWN = "unknown"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One thing that was seen.

    Attributes:
        status: how the promise stands.
        text: what was seen, in one line.
        remedy: what to do, "" where there is nothing to do.
    """

    status: Status
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Result:
    """A finding with the name of its check and, for those of a block, the node."""

    check: str
    finding: Finding
    node: str = ""


def ok(text: str) -> Finding:
    """The promise holds."""
    return Finding(Status.OK, text)


def note(text: str, remedy: str = "") -> Finding:
    """It holds, and something about it is worth to know."""
    return Finding(Status.NOTE, text, remedy)


def unknown(text: str) -> Finding:
    """It could not be looked at; the text says why."""
    return Finding(Status.UNKNOWN, text)


def problem(text: str, remedy: str) -> Finding:
    """It does not hold."""
    return Finding(Status.PROBLEM, text, remedy)


@dataclass(frozen=True)
class Check:
    """A promise and how to look at it.

    Attributes:
        name: one word, as it is printed.
        look: what looks; the first line of its docstring is the promise. It may raise a
            PolarisParslError, which counts as a problem, and an OSError, which counts as
            not known.
        after: names of earlier checks; where one of them finds a problem, this one would
            only find what follows from it, and is not run.
    """

    name: str
    look: Callable[[Here], Iterable[Finding]]
    after: tuple[str, ...] = ()


def examine(checks: Sequence[Check], here: Here) -> Iterable[Result]:
    """Run checks in their order; each gives at least one result."""
    causes: dict[str, str] = {}
    for check in checks:
        cause = next((causes[name] for name in check.after if name in causes), None)
        if cause:
            causes[check.name] = cause
            yield Result(check.name, unknown(f"not looked at: it hangs on {cause!r}, see there"))
            continue
        for finding in _look(check, here):
            if finding.status is Status.PROBLEM:
                causes[check.name] = check.name
            yield Result(check.name, finding)


def _look(check: Check, here: Here) -> list[Finding]:
    try:
        return list(check.look(here))
    except PolarisParslError as error:
        return [problem(error.problem, error.remedy)]
    except OSError as error:
        return [unknown(str(error))]
