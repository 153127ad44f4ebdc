"""Cleanup of a prefix: what killed commands left of an install or of a removal."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from polaris_parsl import below
from polaris_parsl.env.prefix.bases import find_unneeded, remove_base
from polaris_parsl.env.prefix.publish import delete, remove_atomically
from polaris_parsl.env.prefix.publish_modulefiles import publish_modulefiles
from polaris_parsl.env.prefix.staging import find_abandoned
from polaris_parsl.env.prefix.state import read_state
from polaris_parsl.installs import BASES, MODULE_FOLDERS, STATE, VERSIONS, version_root


def clean_up(prefix: Path) -> tuple[list[str], list[str]]:
    """Finish removals and delete what dead processes left; running processes are not disturbed.

    Returns:
        What was done, a line each; what could not be deleted, a line each.
    """
    done, left = [], []
    if any(_withdrawn(prefix)):
        # users stop seeing a version before it is deleted
        done += publish_modulefiles(prefix)
    for path in find_removable(prefix):
        if path.name.startswith("."):
            problem = delete(path, top=prefix)
        else:
            remove = remove_base if path.parent.name == BASES else remove_atomically
            problem = remove(path, top=prefix)
        if problem:
            left.append(problem)
        else:
            done.append(f"deleted: {path.relative_to(prefix)}")
    return done, left


def find_removable(prefix: Path) -> Iterator[Path]:
    """What cleanup deletes: abandoned files, versions whose removal was not finished, unneeded bases."""
    for name in (VERSIONS, BASES, STATE, *MODULE_FOLDERS):
        with suppress(FileNotFoundError), below.opened(prefix, prefix / name) as folder:
            yield from (prefix / name / each for each in find_abandoned(folder))
    yield from _withdrawn(prefix)
    yield from find_unneeded(prefix)


def _withdrawn(prefix: Path) -> Iterator[Path]:
    """Withdrawn versions of which something is left; what is a link, is only a link."""
    for name in sorted(read_state(prefix).withdrawn):
        # read again at the last moment: somebody may have installed it again
        if is_left(prefix, name) and name in read_state(prefix).withdrawn:
            yield version_root(prefix, name)


def is_left(prefix: Path, name: str) -> bool:
    """Whether a directory of a version, or anything else in its place, is left in a prefix."""
    with suppress(FileNotFoundError), below.opened(prefix, prefix / VERSIONS) as folder:
        return below.status(folder, name) is not None
    return False
