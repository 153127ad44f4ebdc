"""Which directories of this machine the nodes of a sandbox share, and which the sandbox itself needs."""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from polaris_parsl.errors import SandboxError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.installs import own_install, prefix_of

OPTION = "--shared"


def shared_directories(asked: Sequence[Path]) -> tuple[Path, ...]:
    """What all nodes share: file systems of the system, the home directory, and the user's choice.

    Args:
        asked: directories of the user's; without any, the working directory.

    Raises:
        SandboxError: one does not exist, or holds what each node has for itself.
    """
    for folder in asked:
        _check(folder)
    facts = polaris()
    names = facts.mounts.items()
    of_system = [*facts.mounts.values(), *(facts.mounted_below / name for name, _ in names)]
    home = Path(os.environ.get("HOME", "/"))
    own = [*of_system, home, *(asked or [Path.cwd()])]
    return _outermost(folder for folder in own if folder.is_dir() and not _holds_own(folder))


def needed_directories(state: Path) -> tuple[Path, ...]:
    """What processes on nodes need of the sandbox: its state, its Python, and this package."""
    install = own_install()
    package = prefix_of(install) if install else Path(__file__).parents[2]
    needed = [state, package, Path(sys.prefix), Path(sys.base_prefix)]
    # elsewhere they are a part of a node's image
    return _outermost(folder for folder in needed if _lies_in_own(folder))


def _check(folder: Path) -> None:
    if not folder.is_dir():
        raise SandboxError(f"{OPTION} {folder}: not a directory", remedy="make it before")
    if os.pathsep in str(folder.resolve()):
        raise SandboxError(f"{OPTION} {folder}: its path has a colon", remedy="rename it")
    if _holds_own(folder):
        own = ", ".join(map(str, polaris().node.own))
        raise SandboxError(
            f"{OPTION} {folder}: each node has {own} for itself",
            remedy="name a directory that holds none of them",
        )


def _holds_own(folder: Path) -> bool:
    return any(own.is_relative_to(folder.resolve()) for own in polaris().node.own)


def _lies_in_own(folder: Path) -> bool:
    return any(folder.resolve().is_relative_to(own) for own in polaris().node.own)


def _outermost(folders: Iterable[Path]) -> tuple[Path, ...]:
    """The directories by their real paths, each once, without those that lie in another."""
    found: list[Path] = []
    for folder in sorted({folder.resolve() for folder in folders}):
        if not any(folder.is_relative_to(other) for other in found):
            found.append(folder)
    return tuple(found)
