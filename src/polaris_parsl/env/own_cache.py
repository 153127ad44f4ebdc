"""The user's cache: what lies there is run, so nobody else may own or write any part of it.

scripts/bootstrap.py loads this file alone, perhaps with an old python3: standard library only,
and the syntax of Python 3.6.
"""

import grp
import os
import pwd
import stat

REMEDY = (
    "remove it, what it held is fetched again; or set XDG_CACHE_HOME to a directory in which only "
    "you can write"
)


def open_cache(folder: str) -> str:
    """Make the directory of the cache, for its user alone; one that is there is looked through.

    Returns:
        Why it cannot be trusted, in words; "" if it can.

    Raises:
        OSError: it cannot be made or read.
    """
    before = os.umask(0o077)
    try:
        os.makedirs(folder, exist_ok=True)
    finally:
        os.umask(before)
    place = os.path.realpath(folder)
    owners = {0, os.geteuid()} | _unknown()
    above = place
    while above != os.path.dirname(above):
        above = os.path.dirname(above)
        found = os.stat(above)
        # in a sticky directory nobody renames what belongs to others
        why = _stranger(above, found, owners, looks_at_mode=not found.st_mode & stat.S_ISVTX)
        if why:
            return why
    why = _stranger(place, os.lstat(place), owners, looks_at_mode=True)
    why = why or _stranger_below(place, owners)
    if not why:
        number = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if os.fstat(number).st_uid == os.geteuid():
                os.fchmod(number, 0o700)
        finally:
            os.close(number)
    return why


def _stranger_below(place: str, owners: "set[int]") -> str:
    """Who else has put something into the cache, or could: in one that is closed only owners count."""
    is_open = bool(os.lstat(place).st_mode & 0o077)
    why = ""
    for folder, folders, files in os.walk(place, onerror=_refuse):
        for name in folders + files:
            path = os.path.join(folder, name)
            try:
                found = os.lstat(path)
            except FileNotFoundError:  # another command has just ended
                continue
            why = why or _stranger(path, found, owners, looks_at_mode=is_open)
        if why:
            break
    return why


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _stranger(path: str, found: os.stat_result, owners: "set[int]", *, looks_at_mode: bool) -> str:
    if found.st_uid not in owners:
        return "{} belongs to {}".format(path, _user(found.st_uid))
    if stat.S_ISLNK(found.st_mode) or not looks_at_mode:
        return ""
    if found.st_mode & stat.S_IWOTH:
        return "everybody can write {}".format(path)
    if found.st_mode & stat.S_IWGRP and found.st_gid != 0 and not _is_private(found.st_gid):
        return "the group {} can write {}".format(_group(found.st_gid), path)
    return ""


def _unknown() -> "set[int]":
    """The number by which a namespace shows all users that it does not know, root among them."""
    try:
        with open("/proc/self/uid_map") as stream:
            known = sum(int(line.split()[2]) for line in stream)
        with open("/proc/sys/kernel/overflowuid") as stream:
            return {int(stream.read())} if known < 2**32 - 1 else set()
    except (OSError, ValueError, IndexError):
        return set()


def _is_private(number: int) -> bool:
    """Whether a group is the user's alone, as many systems make one for each user."""
    try:
        entry = grp.getgrgid(number)
    except KeyError:
        return False
    name = _user(os.geteuid())
    return entry.gr_name == name and set(entry.gr_mem) <= {name}


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return "user {}".format(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
