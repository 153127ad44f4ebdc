"""Whether the nodes of a block find the run directory."""

import socket
from pathlib import Path

from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import polaris, source
from polaris_parsl.options.options import ExecutorOptions


def check_run_dir(options: ExecutorOptions, asked: str) -> None:
    """Refuse a run directory that a block would not find.

    Args:
        options: of an executor whose blocks are PBS jobs.
        asked: the filesystems that its jobs ask for, joined by colons.

    Raises:
        OptionError: it lies on a filesystem that the jobs do not ask for, or on a login node's disk.
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
        OptionError: it lies on a filesystem that the jobs do not ask for, or on a login node's disk.
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
    local = next((each for each in _of_one_node() if folder.is_relative_to(each)), None)
    if local and options.mode == "blocks" and socket.gethostname() in facts.login.hostnames:
        raise OptionError(
            f"{what} lies below {local}, which each node has for itself [{source('node')}]",
            remedy=f"choose one below {' or '.join(map(str, facts.mounts.values()))}",
        )


def filesystem_of(path: Path) -> str:
    """The filesystem of the system that a path names, also one that may be gone; "" for others."""
    facts = polaris()
    below = facts.mounted_below
    parts = path.relative_to(below).parts if path.is_relative_to(below) else path.parts[1:]
    known = (*facts.filesystems, *facts.doubtful_filesystems)
    return parts[0] if parts and parts[0] in known else ""


def _of_one_node() -> tuple[str, ...]:
    node = polaris().node
    return (node.tmpdir, node.local_scratch)
