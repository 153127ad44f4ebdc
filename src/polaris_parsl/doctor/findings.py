"""The doctor's findings, and the order of its checks: a cause hides its consequences."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from polaris_parsl.doctor.here import Here
from polaris_parsl.errors import PolarisParslError


class Status(StrEnum):
    """The state of a promise."""

    OK = "ok"
    NOTE = "note"
    UNKNOWN = "unknown"
    PROBLEM = "problem"


@dataclass(frozen=True)
class DoctorFinding:
    """One observation.

    Attributes:
        status: the state of the promise.
        text: the observation, in one line.
        remedy: what to do, "" if there is nothing to do.
    """

    status: Status
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Result:
    """A finding with the name of its check and, for those of a block, the node."""

    check: str
    finding: DoctorFinding
    node: str = ""


def ok(text: str) -> DoctorFinding:
    """The promise holds."""
    return DoctorFinding(Status.OK, text)


def note(text: str, remedy: str = "") -> DoctorFinding:
    """The promise holds, and something about it is worth knowing."""
    return DoctorFinding(Status.NOTE, text, remedy)


def unknown(text: str) -> DoctorFinding:
    """The promise could not be checked; the text says why."""
    return DoctorFinding(Status.UNKNOWN, text)


def problem(text: str, remedy: str) -> DoctorFinding:
    """The promise does not hold."""
    return DoctorFinding(Status.PROBLEM, text, remedy)


@dataclass(frozen=True)
class Check:
    """A promise and the function that checks it.

    Attributes:
        name: one word, which is printed.
        look: the function; the first line of its docstring is the promise. A
            PolarisParslError that it raises counts as a problem, an OSError as unknown.
        after: names of earlier checks; if one of them finds a problem, this check would
            only find its consequences and is skipped.
    """

    name: str
    look: Callable[[Here], Iterable[DoctorFinding]]
    after: tuple[str, ...] = ()


def examine(checks: Sequence[Check], here: Here) -> Iterable[Result]:
    """Run checks in their order; each gives at least one result."""
    causes: dict[str, str] = {}
    for check in checks:
        cause = next((causes[name] for name in check.after if name in causes), None)
        if cause:
            causes[check.name] = cause
            yield Result(check.name, unknown(f"skipped: depends on {cause!r} (see above)"))
            continue
        for finding in _look(check, here):
            if finding.status is Status.PROBLEM:
                causes[check.name] = check.name
            yield Result(check.name, finding)


def _look(check: Check, here: Here) -> list[DoctorFinding]:
    try:
        return list(check.look(here))
    except PolarisParslError as error:
        return [problem(error.problem, error.remedy)]
    except OSError as error:
        return [unknown(str(error))]
