"""Calls of Linux that Python does not offer. Each raises OSError where the kernel refuses."""

import ctypes
import errno
import os
from pathlib import Path

PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAPBSET_DROP = 24
_CAPABILITY_VERSION = 0x20080522
# the same numbers on every architecture
_MOUNT_SETATTR = 442
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_READ_ONLY, _NO_SUID = 1, 2

_libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int, call: str) -> int:
    """The result of a call, unless it is an error."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


def syscall(number: int, *arguments: object) -> int:
    """Call the kernel by number."""
    return checked(_libc.syscall(ctypes.c_long(number), *arguments), f"system call {number}")


def prctl(option: int, *arguments: object) -> int:
    """Change an attribute of this process."""
    words = [*arguments, *(ctypes.c_ulong(0) for _ in range(4 - len(arguments)))]
    return checked(_libc.prctl(option, *words), f"prctl {option}")


def unshare(flags: int) -> None:
    """Give this process namespaces of its own."""
    checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """Mount something in this mount namespace."""
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind)]
    checked(_libc.mount(*words, ctypes.c_ulong(flags), data.encode() or None), f"mount {target}")


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


def make_read_only(target: str | Path, *, with_mounts_below: bool, no_suid: bool = False) -> None:
    """Let nobody write to what is mounted at target, nor start programs there with another's rights."""
    attributes = _MountAttributes(set=_READ_ONLY | (_NO_SUID if no_suid else 0))
    syscall(
        _MOUNT_SETATTR,
        _AT_FDCWD,
        os.fsencode(target),
        _AT_RECURSIVE if with_mounts_below else 0,
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )


def can_make_read_only() -> bool:
    """Whether Linux has the call; it is refused here for its arguments."""
    try:
        syscall(_MOUNT_SETATTR, _AT_FDCWD, b"", 0, None, ctypes.c_size_t(0))
    except OSError as error:
        return error.errno != errno.ENOSYS
    return True


def gain_no_privileges() -> None:
    """Let no program that this process starts have more rights than it; seccomp needs that."""
    prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1))


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this signal when the parent process ends."""
    prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal_number))


def drop_capabilities() -> None:
    """Give up all of root's rights, for good."""
    number = 0
    while True:
        try:
            prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(number))
        except OSError:  # the kernel has no more of them, or this process may not
            break
        number += 1
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    none = (ctypes.c_uint32 * 6)()
    checked(_libc.capset(header, none), "capset")
