"""Whether the nodes of a block find the run directory."""

import shlex
import socket
from collections.abc import Iterable
from pathlib import Path

from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import polaris, source
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.policy.mounts import mount_of
from polaris_parsl.policy.rehearsal import shared_in_rehearsal


def check_run_dir(options: ExecutorOptions, asked: str) -> None:
    """Refuse a run directory that a block would not find.

    Args:
        options: of an executor whose blocks are PBS jobs.
        asked: the filesystems that its jobs ask for, joined by colons.

    Raises:
        OptionError: it lies on a filesystem that the jobs do not ask for, or that only this node has;
            or, in the sandbox, in a directory that its nodes do not share.
    """
    check_folder(f"run_dir={str(options.run_dir)!r}", options.run_dir, options, asked)


def check_folder(what: str, folder: Path, options: ExecutorOptions, asked: str) -> None:
    """Refuse a directory that a job would not find.

    Args:
        what: the directory as messages name it.
        folder: the directory.
        options: of an executor whose blocks are PBS jobs.
        asked: the filesystems that its jobs ask for, joined by colons.

    Raises:
        OptionError: as check_run_dir does.
    """
    facts = polaris()
    name = filesystem_of(folder)
    if name and name not in asked.split(":"):
        is_gone = name not in facts.filesystems
        raise OptionError(
            f"{what} lies on the filesystem {name!r}, and scheduler_options asks for "
            f"{asked} [{source('filesystems')}]",
            remedy=f"move it to one of {', '.join(facts.filesystems)}"
            if is_gone
            else f'let scheduler_options have "#PBS -l filesystems={asked}:{name}"',
        )
    shared = shared_in_rehearsal()
    if shared:
        _check_in_rehearsal(what, folder, shared)
    elif options.mode == "blocks" and facts.is_login_node(socket.gethostname()) and not name:
        _check_on_login_node(what, folder)


def filesystem_of(path: Path) -> str:
    """The filesystem of the system that a path names, also one that may be gone; "" for others."""
    facts = polaris()
    below = facts.mounted_below
    parts = path.relative_to(below).parts if path.is_relative_to(below) else path.parts[1:]
    known = (*facts.filesystems, *facts.doubtful_filesystems)
    return parts[0] if parts and parts[0] in known else ""


def _check_on_login_node(what: str, folder: Path) -> None:
    remedy = f"choose one below {_either(polaris().mounts.values())}"
    own = next((each for each in polaris().node.own if folder.resolve().is_relative_to(each)), None)
    if own:
        raise OptionError(
            f"{what} lies below {own}, which each node has for itself [{source('node')}]",
            remedy=remedy,
        )
    mount = mount_of(folder)
    if mount.is_local:
        raise OptionError(
            f"{what} lies on {mount.kind} ({mount.point}), which only this node has",
            remedy=remedy,
        )


def _check_in_rehearsal(what: str, folder: Path, shared: Iterable[Path]) -> None:
    real = folder.resolve()
    if not any(real.is_relative_to(each) for each in shared):
        raise OptionError(
            f"{what} is not in a directory that the sandbox's nodes share",
            remedy=f"choose one below {_either(shared)}, or start the sandbox with --shared "
            f"{shlex.quote(str(folder))}",
        )


def _either(folders: Iterable[Path]) -> str:
    return " or ".join(map(str, folders))
