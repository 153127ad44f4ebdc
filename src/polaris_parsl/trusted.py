"""Reads a file that may be used only where nobody but trusted users can have written it."""

import errno
import grp
import os
import pwd
import stat
from collections.abc import Collection
from pathlib import Path

from polaris_parsl.files import read_regular

_LOOKING = os.O_PATH | os.O_CLOEXEC
_ACCESS_LIST = "system.posix_acl_access"


class ForeignFileError(OSError):
    """Somebody who is not trusted owns a file or its directory, or can write it."""


def read_trusted(
    path: Path, *, owners: Collection[int], group: int | None, most_bytes: int
) -> bytes:
    """Read a file that nobody but trusted users can have written, or put in its place.

    Args:
        path: the file.
        owners: numbers of the users who are trusted, beside root.
        group: number of the group whose members are trusted, too; None trusts no group.
        most_bytes: a larger one is refused.

    Raises:
        ForeignFileError: the file or its directory belongs to somebody else, or others can write it.
        OSError: as for read_regular.
    """
    folder = os.open(path.parent, _LOOKING | os.O_DIRECTORY)
    try:
        _refuse_foreign(folder, path.parent, {0, *owners}, group)
        # what is looked at is what is read, whatever happens to the names meanwhile
        file = os.open(path.name, _LOOKING, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        _refuse_foreign(file, path, {0, *owners}, group)
        return read_regular(_name_of(file), most_bytes=most_bytes)
    finally:
        os.close(file)


def _refuse_foreign(number: int, path: Path, owners: Collection[int], group: int | None) -> None:
    status = os.fstat(number)
    is_of_group = status.st_gid == group
    if status.st_uid not in owners and not is_of_group:
        raise _foreign(f"{path} belongs to {_user(status.st_uid)}")
    if status.st_mode & stat.S_IWOTH:
        raise _foreign(f"everybody can write {path}")
    if status.st_mode & stat.S_IWGRP:
        # where there is an access list, these bits stand for all whom it names
        if _ACCESS_LIST in os.listxattr(_name_of(number)):
            raise _foreign(f"the access list of {path} lets others write it")
        if not is_of_group:
            raise _foreign(f"the group {_group(status.st_gid)} can write {path}")


def _foreign(problem: str) -> ForeignFileError:
    return ForeignFileError(errno.EPERM, problem)


def _name_of(number: int) -> Path:
    return Path("/proc/self/fd", str(number))


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"the user {number}"


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
