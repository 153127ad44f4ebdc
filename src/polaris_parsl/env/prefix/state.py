"""The decisions of a prefix: which version is the default, which are deprecated or withdrawn.

Each change writes one more file, PREFIX/state/NUMBER.json; the highest number holds,
and none is ever written again. A file gets its number by link(2), which fails where
somebody else was faster: of two changes at once one comes after the other and sees it,
on any POSIX file system, without a lock that a kill could leave behind.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from polaris_parsl.env.prefix.permissions import make_folders, user_name
from polaris_parsl.env.prefix.staging import staged_file
from polaris_parsl.errors import PrefixError, VersionError
from polaris_parsl.installs import STATE

_FORMAT = 1
_DIGITS = 8


@dataclass(frozen=True)
class Deprecation:
    """End date of a version, and the reason, for its users."""

    until: date
    because: str


@dataclass(frozen=True)
class State:
    """One generation of the decisions.

    Attributes:
        generation: its number; 0 before any decision.
        default: the version that is loaded if the user names none; None if none was chosen.
        deprecated: by version.
        withdrawn: versions that users must not see any more, although a directory may be left.
        change: description of what was done.
        by: who did it, user@host.
        at: when, UTC, ISO 8601.
        restores: number of the generation that a rollback went back to; else None.
    """

    generation: int = 0
    default: str | None = None
    deprecated: Mapping[str, Deprecation] = field(default_factory=dict)
    withdrawn: frozenset[str] = frozenset()
    change: str = ""
    by: str = ""
    at: str = ""
    restores: int | None = None

    def chooses_as(self, other: "State") -> bool:
        """Whether both have the same default and deprecations: what a rollback takes back."""
        return (self.default, self.deprecated) == (other.default, other.deprecated)

    def decides_as(self, other: "State") -> bool:
        """Whether both mean the same for users."""
        return self.chooses_as(other) and self.withdrawn == other.withdrawn


def read_state(prefix: Path) -> State:
    """The newest generation of a prefix.

    Raises:
        VersionError: it is damaged, or of a later polaris-parsl.
    """
    return next(history(prefix), State())


def history(prefix: Path) -> Iterator[State]:
    """All generations of a prefix, the newest first.

    Raises:
        VersionError: one is damaged, or of a later polaris-parsl.
    """
    for path in generations(prefix):
        yield _read(path, int(path.stem))


def generations(prefix: Path) -> list[Path]:
    """The files of all generations, the newest first."""
    try:
        paths = list((prefix / STATE).iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PrefixError(
            f"cannot read {prefix / STATE}: {error.strerror}",
            remedy="ask the owner of the prefix to run `polaris-parsl audit`",
        ) from error
    return sorted((each for each in paths if _is_generation(each)), reverse=True)


def commit(
    prefix: Path, change: str, decide: Callable[[State], State], *, always: bool = False
) -> tuple[State, State]:
    """Add a generation, unless it would decide nothing new.

    Args:
        prefix: of the install.
        change: description of what is done.
        decide: the next state from the newest one; called again where somebody else was
            faster. What it raises is raised.
        always: add it even if it decides nothing new, because the set of versions has changed.

    Returns:
        The generation that held before, and the one that holds now.

    Raises:
        PrefixError: the file cannot be written.
        VersionError: the newest generation is damaged.
    """
    while True:
        before = read_state(prefix)
        decided = decide(before)
        if decided.decides_as(before) and not always:
            return before, before
        # from a new choice, steps back begin anew; an install or a removal is none
        is_new = decided.restores == before.restores and not decided.chooses_as(before)
        made = replace(
            decided,
            restores=None if is_new else decided.restores,
            generation=before.generation + 1,
            change=change,
            by=f"{user_name(os.geteuid())}@{os.uname().nodename}",
            at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        if _added(prefix, made):
            return before, made


def _added(prefix: Path, state: State) -> bool:
    """Write a generation under its number; False where the number is taken."""
    target = _path(prefix, state.generation)
    try:
        make_folders(target, prefix=prefix)
        with staged_file(target, json.dumps(_as_json(state), indent=1) + "\n") as staged:
            try:
                os.link(staged, target)
            except FileExistsError:
                # a file server may answer late, and the client ask twice
                return staged.stat().st_nlink == 2
    except OSError as error:
        raise PrefixError(
            f"the state of {prefix} cannot be written: {error.strerror}: {target}",
            remedy="see the message; nothing has changed",
        ) from error
    return True


def _path(prefix: Path, number: int) -> Path:
    return prefix / STATE / f"{number:0{_DIGITS}d}.json"


def _is_generation(path: Path) -> bool:
    return path.suffix == ".json" and len(path.stem) == _DIGITS and path.stem.isdecimal()


def _as_json(state: State) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "generation": state.generation,
        "change": state.change,
        "by": state.by,
        "at": state.at,
        "restores": state.restores,
        "default": state.default,
        "deprecated": {
            version: {"until": each.until.isoformat(), "because": each.because}
            for version, each in sorted(state.deprecated.items())
        },
        "withdrawn": sorted(state.withdrawn),
    }


def _read(path: Path, number: int) -> State:
    remedy = f"the generation before holds again when somebody removes it: rm {path}"
    try:
        data = json.loads(path.read_bytes())
        if data["format"] != _FORMAT:
            raise VersionError(
                f"{path} has format {data['format']}; this polaris-parsl reads format {_FORMAT}",
                remedy="use the newest polaris-parsl of this prefix",
            )
        return State(
            generation=number,
            default=data["default"],
            deprecated={
                version: Deprecation(date.fromisoformat(each["until"]), each["because"])
                for version, each in data["deprecated"].items()
            },
            withdrawn=frozenset(data["withdrawn"]),
            change=data["change"],
            by=data["by"],
            at=data["at"],
            restores=data["restores"],
        )
    except OSError as error:
        raise VersionError(f"cannot read {path}: {error.strerror}", remedy=remedy) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise VersionError(f"{path} is damaged: {reason}", remedy=remedy) from error
