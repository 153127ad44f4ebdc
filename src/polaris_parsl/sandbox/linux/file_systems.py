"""What a compute node sees of the files of this machine, in a mount namespace of its own.

Directories that nodes share are this machine's. /tmp and the like are the node's own, and lie in
the state directory. The rest is the node's image: as on this machine, but nobody can write it.
"""

from collections.abc import Iterable
from pathlib import Path

from polaris_parsl import kernel
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.sandbox.linux import syscalls

# what has to be writable for programs to work, or is so by its devices
_OF_LINUX = {Path("/proc"), Path("/dev")}
# the one of a node's own directories that POSIX's shared memory needs in memory
_SHARED_MEMORY = Path("/dev/shm")
_FOR_ALL = 0o1777


def enter_file_systems(scratch: Path, own: Path, shared: Iterable[Path]) -> None:
    """Give the calling process the files of a node; it must have a mount namespace of its own.

    Args:
        scratch: an empty directory, to build the node's root on.
        own: the directory in which those that only this node sees are made.
        shared: directories of this machine that the node sees; none lies in another.

    Raises:
        OSError: Linux refuses.
    """
    syscalls.mount("tmpfs", scratch, kind="tmpfs", data="mode=755")
    syscalls.let_bind(scratch, may=False)  # it lies in what we bind
    _lay_image(Path("/"), scratch)
    for folder in polaris().node.own:
        target = _below(scratch, folder)
        target.mkdir(parents=True, exist_ok=True)
        if folder == _SHARED_MEMORY:
            syscalls.mount("tmpfs", target, kind="tmpfs", data=f"mode={_FOR_ALL:o}")
            continue
        source = _below(own, folder)
        source.mkdir(parents=True)
        source.chmod(_FOR_ALL)
        syscalls.bind_mount(source, target)
    for folder in shared:
        target = _below(scratch, folder)
        target.mkdir(parents=True, exist_ok=True)
        syscalls.bind_mount(folder, target)
    kernel.make_read_only(scratch, with_mounts_below=False)
    syscalls.change_root(scratch)
    syscalls.let_bind(Path("/"), may=True)


def _lay_image(folder: Path, scratch: Path) -> None:
    """Mount what is in a directory of this machine at the same place below scratch, read-only."""
    for entry in folder.iterdir():
        target = _below(scratch, entry)
        if entry.is_symlink():
            target.symlink_to(entry.readlink())
        elif entry.is_dir():
            target.mkdir()
            if _lacks_own(entry):
                _lay_image(entry, scratch)
                continue
            syscalls.bind_mount(entry, target)
            if entry not in _OF_LINUX:
                kernel.make_read_only(target, with_mounts_below=True)


def _lacks_own(folder: Path) -> bool:
    """Whether a node has a directory below this one that this machine has not."""
    inside = (each for each in polaris().node.own if each.is_relative_to(folder))
    return any(not each.is_dir() for each in inside)


def _below(folder: Path, path: Path) -> Path:
    return folder / path.relative_to("/")
