"""The decisions of a prefix: which version is the default, which are deprecated or withdrawn.

Each change writes one more file, PREFIX/state/NUMBER.json; the highest number holds,
and none is ever written again. A file gets its number by link(2), which fails where
somebody else was faster: of two changes at once one comes after the other and sees it,
on any POSIX file system, without a lock that a kill could leave behind.
"""

import errno
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from polaris_parsl import below
from polaris_parsl.env.prefix.permissions import make_folders, user_name
from polaris_parsl.env.prefix.staging import staged_file
from polaris_parsl.env.release_names import is_release_name
from polaris_parsl.errors import PrefixError, VersionError
from polaris_parsl.installs import INSTALL_COMMAND, STATE
from polaris_parsl.text import in_line
from polaris_parsl.version import NAME

_FORMAT = 1
_DIGITS = 8
_GENERATION = re.compile(rf"[0-9]{{{_DIGITS}}}\.json")
# a hundred thousand withdrawn versions
_BYTES_MAX = 4_000_000


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
    for name in generations(prefix):
        yield _read(prefix, name)


def generations(prefix: Path) -> list[str]:
    """The names of the files of all generations, the newest first."""
    try:
        with below.opened(prefix, prefix / STATE) as folder:
            names = below.names(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PrefixError(
            f"cannot read {prefix / STATE}: {error.strerror}",
            remedy="ask the owner of the prefix to run `polaris-parsl audit`",
        ) from error
    return sorted((each for each in names if _GENERATION.fullmatch(each)), reverse=True)


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
        _refuse_last(prefix, before.generation)
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
    target = prefix / STATE / f"{state.generation:0{_DIGITS}d}.json"
    text = json.dumps(_as_json(state), indent=1) + "\n"
    try:
        make_folders(target, prefix=prefix)
        with (
            below.opened(prefix, target.parent) as folder,
            staged_file(folder, target.name, text) as staged,
        ):
            try:
                os.link(staged, target.name, src_dir_fd=folder, dst_dir_fd=folder)
            except FileExistsError:
                # a file server may answer late, and the client ask twice
                return os.lstat(staged, dir_fd=folder).st_nlink == 2
    except OSError as error:
        raise PrefixError(
            f"the state of {prefix} cannot be written: {error.strerror}: {target}",
            remedy="see the message; nothing has changed",
        ) from error
    return True


def _refuse_last(prefix: Path, number: int) -> None:
    if number >= 10**_DIGITS - 1:
        path = prefix / STATE / f"{number}.json"
        raise VersionError(
            f"{path} has the last number that there is, so no change can follow it; "
            "no prefix has as many changes",
            remedy=_without(path),
        )


def _without(path: Path) -> str:
    return f"the generation before holds again when somebody removes it: rm {path}"


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


def _read(prefix: Path, name: str) -> State:
    path, number = prefix / STATE / name, int(Path(name).stem)
    try:
        with below.opened(prefix, path.parent) as folder:
            data = json.loads(below.read(folder, name, most_bytes=_BYTES_MAX))
        if isinstance(data["format"], int) and data["format"] > _FORMAT:
            raise VersionError(
                f"{path} has format {data['format']}: it was made by a later {NAME}; this one "
                f"reads format {_FORMAT}",
                remedy=f"use that version's command: {prefix / INSTALL_COMMAND}",
            )
        return _state(data, number)
    except OSError as error:
        reason = "it is a link" if error.errno == errno.ELOOP else error.strerror
        raise VersionError(f"cannot read {path}: {reason}", remedy=_without(path)) from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise VersionError(f"{path} is damaged: {reason}", remedy=_without(path)) from error


def _state(data: Mapping[str, Any], number: int) -> State:
    """A generation from the text of its file, which any member of the group may have written."""
    if (data["format"], data["generation"]) != (_FORMAT, number):
        raise ValueError(f"it has format {data['format']} and generation {data['generation']}")
    names = [*data["deprecated"], *data["withdrawn"]]
    names += [] if data["default"] is None else [data["default"]]
    if strange := [name for name in names if not is_release_name(name)]:
        raise ValueError(f"{strange[0]!r} is no version")
    texts = [data[key] for key in ("change", "by", "at")]
    texts += [each["because"] for each in data["deprecated"].values()]
    if not all(isinstance(each, str) for each in texts):
        raise TypeError("what was changed, by whom, when and why are no texts")
    if not isinstance(data["restores"], int | None):
        raise TypeError(f"it restores {data['restores']!r}")
    return State(
        generation=number,
        default=data["default"],
        deprecated={
            version: Deprecation(date.fromisoformat(each["until"]), in_line(each["because"]))
            for version, each in data["deprecated"].items()
        },
        withdrawn=frozenset(data["withdrawn"]),
        change=in_line(data["change"]),
        by=in_line(data["by"]),
        at=in_line(data["at"]),
        restores=data["restores"],
    )
