"""Staging: hidden names that record which process made them, and what dead processes left.

A name is `.staging-NAME@HOST-MACHINE.PID.START`. MACHINE stands for one start of one
kernel and one process namespace in it; START is when the process started. So what a dead
process of this machine left is recognised exactly, even if another process has its number
now. What another machine left is recognised by its age, measured by the clock of the
file system, not ours.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from polaris_parsl import below
from polaris_parsl.env.prefix.permissions import FILE
from polaris_parsl.installs import REMOVED, STAGING

_NAME = re.compile(
    r"\.(?:staging|removed)-.*@.*-(?P<machine>[0-9a-f]{8})\.(?P<pid>\d+)\.(?P<start>\d+)"
)
# an install takes minutes; what has not changed for a day is abandoned
_FOREIGN_AGE_SECONDS = 86400


def staging_name(name: str, *, kind: str = STAGING) -> str:
    """A hidden name beside `name` that records which process made it."""
    host = os.uname().nodename.partition(".")[0]
    return f"{kind}{name}@{host}-{_machine()}.{os.getpid()}.{_started(os.getpid()) or 0}"


@contextmanager
def staged_file(folder: int, name: str, text: str, *, mode: int = FILE) -> Iterator[str]:
    """A finished file beside its target, to be linked or renamed there; gone afterwards.

    Args:
        folder: descriptor of the directory.
        name: of the target.
        text: what it will hold.
        mode: of the file.

    Yields:
        The name of the staged file in the directory.

    Raises:
        OSError: it cannot be written.
    """
    staged = staging_name(name)
    try:
        below.write(folder, staged, text, mode=mode)
        yield staged
    finally:
        with suppress(FileNotFoundError):
            os.unlink(staged, dir_fd=folder)


def replace(folder: int, staged: str, name: str) -> None:
    """Give a staged file or tree its name in the same directory.

    Raises:
        OSError: that is not possible.
    """
    os.rename(staged, name, src_dir_fd=folder, dst_dir_fd=folder)


def write_atomically(path: Path, text: str, *, mode: int = FILE) -> None:
    """Write a file of a user's own atomically: readers see either the old content or the new.

    Args:
        path: of the file; directories above it are made.
        text: what it will hold.
        mode: of the file, whatever the umask.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        below.opened(path.parent, path.parent) as folder,
        staged_file(folder, path.name, text, mode=mode) as staged,
    ):
        replace(folder, staged, path.name)


def usual_mode() -> int:
    """The mode that the umask of this process leaves to a new file."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    found = re.search(r"^Umask:\s*([0-7]+)$", status, re.MULTILINE)
    return 0o666 & ~int(found[1], 8) if found else 0o600


def find_abandoned(folder: int) -> list[str]:
    """What dead processes left in an open directory, and what is being deleted, by name."""
    return [
        name
        for name in sorted(below.names(folder))
        if name.startswith(REMOVED) or (name.startswith(STAGING) and not _may_live(folder, name))
    ]


def _may_live(folder: int, name: str) -> bool:
    found = _NAME.fullmatch(name)
    if found and found["machine"] == _machine():
        return is_alive(int(found["pid"]), started=int(found["start"]))
    return _age_seconds(folder, name) < _FOREIGN_AGE_SECONDS


def is_alive(pid: int, *, started: int) -> bool:
    """Whether a process of this machine runs, and is not another of the same number.

    Args:
        pid: its number.
        started: clock ticks since the start of the kernel; 0 where that was not known.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    now = _started(pid)
    # other people's processes may be hidden, and then only answer to kill
    return not started or now is None or now == started


def _started(pid: int) -> int | None:
    """When a process started, in clock ticks since the start of the kernel."""
    try:
        return int(process_status(pid)[19])
    except OSError:
        return None


def process_status(pid: int) -> list[str]:
    """What /proc/PID/stat says behind the name of the program: state, parent ... (proc(5)).

    Raises:
        OSError: there is no such process, or it is hidden.
    """
    status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    # the name may hold anything, also blanks and brackets
    return status.rpartition(")")[2].split()


def _machine() -> str:
    """Names the kernel, since its start, and the process namespace in which our numbers count."""
    words = [os.uname().nodename]
    with suppress(OSError):
        words.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8"))
        words.append(str(Path("/proc/self/ns/pid").readlink()))
    import hashlib  # noqa: PLC0415 - commands that only look need none

    return hashlib.sha256("".join(words).encode()).hexdigest()[:8]


def _age_seconds(folder: int, name: str) -> float:
    """How long nobody has touched a tree, by the clock of its file system."""
    found = below.status(folder, name)
    newest = found.st_ctime if found else 0.0
    for files, inner in below.walk(folder, name):
        for each in (".", *files):
            with suppress(OSError):
                newest = max(newest, os.lstat(each, dir_fd=inner).st_ctime)
    probe = staging_name("clock")
    try:
        below.write(folder, probe, "", mode=FILE)
        now = os.lstat(probe, dir_fd=folder).st_ctime
        os.unlink(probe, dir_fd=folder)
    except OSError:
        # where we cannot write, we cannot clean either
        return 0
    return now - newest
