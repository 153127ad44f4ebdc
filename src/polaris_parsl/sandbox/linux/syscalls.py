"""The system calls that Python 3.11 does not offer."""

import ctypes
import os

CLONE_NEWUTS = 0x04000000
CLONE_NEWNET = 0x40000000
_MS_BIND = 4096
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_TIMERSLACK = 29
_SLACK_OF_LOGIN = 50000  # nanoseconds: the default of Linux; preload.c repeats it
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Give the calling process namespaces of its own."""
    _checked(_libc.unshare(flags), "unshare")


def enter_namespace(fd: int) -> None:
    """Move the calling process into the namespace that fd refers to."""
    _checked(_libc.setns(fd, 0), "setns")


def bind_mount(source: str, target: str) -> None:
    """Mount source over target in this mount namespace."""
    _checked(_libc.mount(source.encode(), target.encode(), None, _MS_BIND, None), "mount")


def die_with_parent(signal_number: int) -> None:
    """Make Linux send this signal when the parent process ends."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _checked(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def forget_ambient_capabilities() -> None:
    """Limit every program executed from here on to the rights of its user."""
    _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)


def set_node_number(number: int) -> None:
    """Mark this process and its descendants as being on a node, for preload.c to read."""
    _checked(_libc.prctl(_PR_SET_TIMERSLACK, _SLACK_OF_LOGIN + number, 0, 0, 0), "prctl")
