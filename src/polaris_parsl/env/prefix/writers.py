"""Who else could change what is installed: by the prefix, or by a directory above it."""

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from polaris_parsl.env.prefix.access import SEARCH, WRITE, Access, read_access
from polaris_parsl.errors import PrefixError


def writers_above(
    access: Access, *, group: int | None, owners: frozenset[int]
) -> Iterator[tuple[str, str]]:
    """Who, but for root, the owners and the group, could rename what lies in a directory.

    Yields:
        A name in words, and by what: "others", "group", "acl" or "owner".
    """
    for who, how in access.outsiders(WRITE | SEARCH, group=group, owners=owners):
        # in a sticky directory only its owner renames what belongs to others
        if how == "owner" or not access.mode & stat.S_ISVTX:
            yield who, how


def find_writers(prefix: Path, *, group: int | None) -> list[str]:
    """Who, but for root, you and the group, could change an install in a prefix, a line each.

    Args:
        prefix: need not exist.
        group: number of the group whose members may; None if only you may.
    """
    found = []
    place = prefix.resolve()
    for each in (place, *place.parents):
        try:
            access = read_access(each)
        except OSError:
            continue
        for who, _ in writers_above(access, group=group, owners=frozenset({os.geteuid()})):
            found.append(f"{who} can write {each} ({access.shown()})")
    return found


def refuse_writers(found: list[str], prefix: Path, *, group: int | None) -> None:
    """Refuse to install where others can change what you and your jobs will run.

    Args:
        found: from find_writers.
        prefix: the prefix.
        group: number of the group that it belongs, or will belong, to; None if there is none.

    Raises:
        PrefixError: there is somebody.
    """
    if found:
        listed = "\n    ".join(found)
        shared = "" if group is not None else "share it with your project: --group NAME; or "
        raise PrefixError(
            f"others could change what you install in {prefix}, and so run programs as you:\n"
            f"    {listed}",
            remedy=f"{shared}choose another --prefix, or let its owner end that (`chmod go-w`); "
            f"--trust-writers installs all the same: --prefix {shlex.quote(str(prefix))} "
            "--trust-writers",
        )
