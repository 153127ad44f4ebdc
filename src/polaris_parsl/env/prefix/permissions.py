"""Who reads and who writes: published trees are read-only, shared directories a person's or a group's.

The prefix's mode bits record who owns it, and nothing else does: with the setgid bit
and all permissions for the group it belongs to that group, otherwise to its owner.
Everybody who can pass the directories above can read it.
"""

import grp
import os
import pwd
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from polaris_parsl.errors import PrefixError
from polaris_parsl.installs import GROUP_MODE, group_of, receipt_of

FILE = 0o644
_PERSONAL = 0o755


def choose_group(prefix: Path, name: str | None) -> int | None:
    """Number of the group that a prefix belongs to, or will belong to. Writes nothing.

    Args:
        prefix: need not exist.
        name: group by name or number, as the user gave it; None keeps what the prefix is.

    Raises:
        PrefixError: there is no such group, the caller is not in it, or the prefix is another
            group's or another person's.
    """
    present = group_of(prefix)
    group = present if name is None else find_group(name)
    if group is None:
        return None
    if present not in {None, group}:
        raise PrefixError(
            f"--group {name}: {prefix} belongs to the group {group_name(present)}",
            remedy="leave --group out, or choose another directory with --prefix",
        )
    mine = {os.getegid(), *os.getgroups()}
    if os.geteuid() != 0 and group not in mine:
        listed = ", ".join(sorted(group_name(each) for each in mine))
        raise PrefixError(
            f"{prefix} would belong to the group {group_name(group)}, and you are not in it; "
            f"your groups are: {listed}",
            remedy="name one of yours with --group, or have yourself added and log in again",
        )
    owner = prefix.stat().st_uid if prefix.is_dir() else os.geteuid()
    if present is None and os.geteuid() not in {0, owner}:
        raise _not_mine(prefix, owner, group)
    return group


def make_shared(folder: Path, *, group: int | None) -> None:
    """Make a directory of a prefix that later installs write to, whatever the umask.

    Without a group, an existing directory is not changed; with one, the group may write and
    nobody outside.

    Args:
        folder: the directory; the one above it exists.
        group: number, from choose_group or group_of.

    Raises:
        PrefixError: it cannot be made, or it is another person's and the group may not write.
    """
    try:
        folder.mkdir()
        status = folder.stat()
        # an inherited setgid bit is the project's way to count its quota
        kept = _PERSONAL | status.st_mode & stat.S_ISGID
    except FileExistsError:
        if group is None:
            return
        status = folder.stat()
        kept = stat.S_IMODE(status.st_mode) & ~stat.S_IWOTH
    except OSError as error:
        raise PrefixError(
            f"{folder} cannot be made: {error.strerror}",
            remedy="choose another directory with --prefix",
        ) from error
    mode = kept if group is None else kept | GROUP_MODE
    try:
        if group is not None and status.st_gid != group:
            os.chown(folder, -1, group)
        # a change of the group may have taken the setgid bit
        if stat.S_IMODE(folder.stat().st_mode) != mode:
            folder.chmod(mode)
    except PermissionError:
        raise _not_mine(folder, status.st_uid, group) from None


def make_folders(path: Path, *, prefix: Path) -> None:
    """Make the directories between a prefix and a file in it, each shared as the prefix is.

    Raises:
        PrefixError: one of them cannot be made.
    """
    group = group_of(prefix)
    for place in [prefix / each for each in path.relative_to(prefix).parents][-2::-1]:
        make_shared(place, group=group)


def seal(folder: Path, *, group: int | None) -> None:
    """Make a finished tree read-only for everybody, its owner too, and give it to the group.

    The receipt comes last, because `verify` reads the files that changed after it.

    Args:
        folder: the tree, complete, under its staging name; the receipt in its top, if any.
        group: number, from choose_group; None keeps the group.
    """
    paths = [folder, *folder.rglob("*")]
    for path in sorted(paths, key=lambda each: each == receipt_of(folder)):
        status = path.lstat()
        if group is not None and status.st_gid != group:
            os.chown(path, -1, group, follow_symlinks=False)
        if not stat.S_ISLNK(status.st_mode):
            runs = stat.S_ISDIR(status.st_mode) or status.st_mode & stat.S_IXUSR
            path.chmod(0o555 if runs else 0o444)


def remove_tree(folder: Path) -> None:
    """Remove a tree, sealed or not; what belongs to somebody else stays."""
    for place, _, _ in os.walk(folder):
        with suppress(OSError):
            Path(place).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def find_group(name: str) -> int:
    """Number of a group, given by name or number.

    Raises:
        PrefixError: this system has no such group.
    """
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        if name.isdecimal():
            return int(name)
    raise PrefixError(
        f"--group {name}: this system has no such group",
        remedy="name the project's group; `id -Gn` lists yours",
    )


def group_name(number: int) -> str:
    """Name of a group; its number where it has none."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def user_name(number: int) -> str:
    """Name of a user; the number where there is none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _not_mine(folder: Path, owner: int, group: int | None) -> PrefixError:
    name = "" if group is None else group_name(group)
    return PrefixError(
        f"{folder} belongs to {user_name(owner)}, and the group {name} may not write there",
        remedy=f"let {user_name(owner)} run: chgrp {name} {folder}; chmod g+rwxs,o-w {folder}",
    )
