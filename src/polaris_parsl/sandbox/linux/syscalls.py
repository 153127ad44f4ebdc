"""System calls that the nodes need and Python 3.11 does not offer, beside those of `kernel`."""

import ctypes
import os
from pathlib import Path

from polaris_parsl.kernel import checked, prctl

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWNET = 0x40000000
_MS_BIND = 4096
_MS_REC = 16384
_MS_UNBINDABLE = 1 << 17
_MS_PRIVATE = 1 << 18
_MNT_DETACH = 2
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_TIMERSLACK = 29
_SLACK_OF_LOGIN = 50000  # nanoseconds: the default of Linux; preload.c repeats it
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4

_libc = ctypes.CDLL(None, use_errno=True)


def enter_namespace(fd: int) -> None:
    """Move the calling process into the namespace that fd refers to."""
    checked(_libc.setns(fd, 0), "setns")


def mount(source: str, target: Path, *, kind: str, data: str = "") -> None:
    """Mount a file system in this mount namespace."""
    words = [os.fsencode(word) for word in (source, target, kind)]
    checked(_libc.mount(*words, ctypes.c_ulong(0), data.encode()), f"mount {target}")


def let_bind(target: Path, *, may: bool) -> None:
    """Say whether bind mounts of a directory above include what is mounted at target."""
    flags = ctypes.c_ulong(_MS_PRIVATE if may else _MS_UNBINDABLE)
    checked(_libc.mount(None, os.fsencode(target), None, flags, None), f"mount {target}")


def bind_mount(source: Path, target: Path) -> None:
    """Mount source, with what is mounted in it, over target in this mount namespace."""
    words = [os.fsencode(word) for word in (source, target)]
    flags = ctypes.c_ulong(_MS_BIND | _MS_REC)
    checked(_libc.mount(*words, None, flags, None), f"mount {target}")


def change_root(folder: Path) -> None:
    """Let what is mounted at folder be the root of this mount namespace, and nothing else."""
    old = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    os.chdir(folder)
    # The old root comes to lie over the new one, and is taken away from there.
    checked(_libc.pivot_root(b".", b"."), "pivot_root")
    os.fchdir(old)
    checked(_libc.umount2(b".", _MNT_DETACH), "umount")
    os.close(old)
    os.chdir("/")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def forget_ambient_capabilities() -> None:
    """Limit every program executed from here on to the rights of its user."""
    _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)


def set_node_number(number: int) -> None:
    """Mark this process and its descendants as being on a node, for preload.c to read."""
    prctl(_PR_SET_TIMERSLACK, _SLACK_OF_LOGIN + number)
