"""What changed between two locks, for people to read."""

from dataclasses import dataclass
from pathlib import Path

from polaris_parsl.env.locks.files import (
    CONDA_LOCK,
    TOOL_LOCKS,
    read_conda,
    read_conda_pip,
    read_requirements,
)
from polaris_parsl.errors import LockError


@dataclass(frozen=True)
class _Entry:
    version: str
    hashes: frozenset[str]
    where: str


def compare_locks(old: Path, new: Path) -> list[str]:
    """List what was added, removed, changed or rebuilt between two locks or two sets of them.

    Args:
        old: a lock, or a directory that holds locks.
        new: the same, later.

    Returns:
        Lines; for each lock a heading with counts, then one line a package.

    Raises:
        LockError: one is missing or malformed, or a file is compared with a directory.
    """
    for path in (old, new):
        if not path.exists():
            raise LockError(f"{path} does not exist", remedy="name a lock, or a directory of locks")
    if old.is_dir() != new.is_dir():
        raise LockError(
            f"{old} and {new}: one is a file, the other a directory",
            remedy="compare two locks, or two directories of locks",
        )
    if not old.is_dir():
        return _compare_files(old, new)
    sides = {path: _locks_in(path) for path in (old, new)}
    lines = []
    for name in sorted(sides[old] | sides[new]):
        if name in sides[old] & sides[new]:
            lines += _compare_files(old / name, new / name)
        else:
            lines.append(f"{name}: only in {old if name in sides[old] else new}")
    return lines


def _locks_in(folder: Path) -> set[str]:
    found = {path.name for path in folder.glob("overlay*.lock")}
    found |= {name for name in (CONDA_LOCK, *TOOL_LOCKS) if (folder / name).is_file()}
    if not found:
        raise LockError(f"{folder} holds no lock", remedy="name a lock, or a directory of locks")
    return found


def _compare_files(old: Path, new: Path) -> list[str]:
    if (old.suffix == ".lock") != (new.suffix == ".lock"):
        raise LockError(
            f"{old} and {new} are locks of different kinds",
            remedy="compare a conda-lock.yml with another one, a .lock with another .lock",
        )
    before, after = _read(old), _read(new)
    lines = [f"  + {name} {after[name].version}" for name in sorted(after.keys() - before.keys())]
    added = len(lines)
    lines += [f"  - {name} {before[name].version}" for name in sorted(before.keys() - after.keys())]
    removed = len(lines) - added
    changed, rebuilt = [], []
    for name in sorted(before.keys() & after.keys()):
        one, other = before[name], after[name]
        if one.version != other.version:
            changed.append(f"  ~ {name} {one.version} -> {other.version}")
        elif one.hashes != other.hashes:
            rebuilt.append(f"  ! {name} {one.version}: same version, other files")
        if one.where != other.where:
            changed.append(f"  ~ {name}: where {one.where or 'ever'} -> {other.where or 'ever'}")
    if not lines + changed + rebuilt:
        return [f"{new.name}: the same"]
    counts = f"{added} added, {removed} removed, {len(changed)} changed, {len(rebuilt)} rebuilt"
    return [f"{new.name}: {counts}", *lines, *changed, *rebuilt]


def _read(path: Path) -> dict[str, _Entry]:
    if path.suffix == ".lock":
        return {
            name: _Entry(pin.version, pin.sha256, str(pin.marker or ""))
            for name, pin in read_requirements(path).items()
        }
    conda = {
        each.name: _Entry(each.version, frozenset({each.sha256}), "") for each in read_conda(path)
    }
    wheels = read_conda_pip(path)
    return {
        **conda,
        **{f"{name} (pip)": _Entry(pin.version, pin.sha256, "") for name, pin in wheels.items()},
    }
