"""Cleaning a prefix of what killed commands left: half of an install, half of a removal."""

from collections.abc import Iterator
from pathlib import Path

from polaris_parsl.env.modules.modulefile import FOLDERS as MODULE_FOLDERS
from polaris_parsl.env.prefix.publish import delete, take_away
from polaris_parsl.env.prefix.publish_modulefiles import announce
from polaris_parsl.env.prefix.releases import FOLDER
from polaris_parsl.env.prefix.staging import leftovers
from polaris_parsl.env.prefix.state import FOLDER as STATE
from polaris_parsl.env.prefix.state import read_state


def sweep(prefix: Path) -> tuple[list[str], list[str]]:
    """Finish removals, and delete what dead processes left in a prefix; the living stay untouched.

    Returns:
        What was done, a line each; what could not be deleted, in words.
    """
    done, left = [], []
    if any(_withdrawn(prefix)):
        # users lose sight of a version before it goes
        done += announce(prefix)
    for path in litter(prefix):
        told = delete(path) if path.name.startswith(".") else take_away(path)
        if told:
            left.append(told)
        else:
            done.append(f"deleted: {path.relative_to(prefix)}")
    return done, left


def litter(prefix: Path) -> Iterator[Path]:
    """What is to be deleted: leftovers, and versions whose removal was not finished."""
    for name in (FOLDER, STATE, *MODULE_FOLDERS):
        yield from leftovers(prefix / name)
    yield from _withdrawn(prefix)


def _withdrawn(prefix: Path) -> Iterator[Path]:
    """Versions that users must not see any more, and that are there."""
    for name in sorted(read_state(prefix).withdrawn):
        # asked again at the last moment: somebody may install it anew
        if (prefix / FOLDER / name).is_dir() and name in read_state(prefix).withdrawn:
            yield prefix / FOLDER / name
