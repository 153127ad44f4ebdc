"""Opens files of earlier runs, if nobody else can have written them.

A checkpoint is a pickle: who can write it, or put another one in its place, runs any program as the
one who reads it.
"""

import errno
import os
import pwd
import stat
from pathlib import Path


class NotOwnError(Exception):
    """Somebody else could have written a file, or what leads to it.

    Attributes:
        path: what is not the user's alone.
        why: who else it may be.
    """

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} {why}")
        self.path = path
        self.why = why


def open_own(folder: Path, *names: str) -> int:
    """Open a file for reading that the user alone can have written; its number.

    Args:
        folder: is not looked at: others may use it, too.
        names: of the folders below it, and of the file. Each must belong to the user, must not be
            writable by others, and must not be a link.

    Raises:
        NotOwnError: one does not.
        OSError: there is no such file, or it cannot be opened.
    """
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    path = folder
    try:
        for name in names:
            path, above = path / name, number
            number = _open(path, above, is_file=name == names[-1])
            os.close(above)
            _check(path, os.fstat(number), is_file=name == names[-1])
    except BaseException:
        os.close(number)
        raise
    return number


def _open(path: Path, above: int, *, is_file: bool) -> int:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        return os.open(path.name, flags if is_file else flags | os.O_DIRECTORY, dir_fd=above)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise NotOwnError(path, "is a link, or no directory") from error
        raise


def _check(path: Path, seen: os.stat_result, *, is_file: bool) -> None:
    if is_file and not stat.S_ISREG(seen.st_mode):
        raise NotOwnError(path, "is no regular file")
    if seen.st_uid != os.geteuid():
        raise NotOwnError(path, f"belongs to {_user(seen.st_uid)}")
    if seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotOwnError(path, f"can be written by others (mode {stat.S_IMODE(seen.st_mode):o})")


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def close_to_others(path: Path) -> None:
    """Let nobody else write a file or directory of ours, as later runs want it."""
    mode = path.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        path.chmod(stat.S_IMODE(mode) & ~(stat.S_IWGRP | stat.S_IWOTH))
