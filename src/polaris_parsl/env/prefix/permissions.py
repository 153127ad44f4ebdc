"""Who reads and who writes: published trees are read-only, shared directories a person's or a group's.

The prefix's mode bits record who owns it, and nothing else does: with the setgid bit
and all permissions for the group it belongs to that group, otherwise to its owner.
Everybody who can pass the directories above can read it.
"""

import grp
import os
import pwd
import stat
from pathlib import Path

from polaris_parsl import below
from polaris_parsl.errors import PrefixError
from polaris_parsl.installs import (
    BASES,
    GROUP_MODE,
    LUA_TREE,
    MODULE_FOLDERS,
    RECEIPT,
    STATE,
    TCL_TREE,
    VERSIONS,
    group_of,
)

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


def make_shared(folder: Path, *, group: int | None, top: Path | None = None) -> None:
    """Make a directory of a prefix that later installs write to, whatever the umask.

    One that exists is not changed if `top` is given: only what the command has made is opened up.

    Args:
        folder: the directory; the one above it exists.
        group: number, from choose_group or group_of.
        top: the prefix, for a directory below it. Without it the user has named the directory:
            one that exists becomes the group's.

    Raises:
        PrefixError: it cannot be made, or it is another person's and the group may not write.
    """
    if top is None and folder.is_dir():
        # what the user has named may be a link
        folder = Path(os.path.realpath(folder))
    try:
        with below.opened(top or folder.parent, folder.parent) as above:
            is_new = _made(above, folder.name)
            if is_new or (top is None and group is not None):
                with below.opened(folder.parent, folder) as number:
                    _open_up(number, folder, group, is_new=is_new)
            elif below.is_link(above, folder.name):
                raise below.link_refused(folder)
    except OSError as error:
        raise PrefixError(
            f"{folder} cannot be made: {error.strerror}",
            remedy="choose another directory with --prefix",
        ) from error


def _made(above: int, name: str) -> bool:
    try:
        os.mkdir(name, dir_fd=above)
    except FileExistsError:
        return False
    return True


def _open_up(number: int, folder: Path, group: int | None, *, is_new: bool) -> None:
    """Give an open directory to its owner or to a group; nobody outside may write."""
    status = os.fstat(number)
    # an inherited setgid bit is the project's way to count its quota
    kept = _PERSONAL | status.st_mode & stat.S_ISGID
    if not is_new:
        kept = stat.S_IMODE(status.st_mode) & ~stat.S_IWOTH
    try:
        below.change_opened(number, mode=kept if group is None else kept | GROUP_MODE, group=group)
    except PermissionError:
        raise _not_mine(folder, status.st_uid, group) from None


def share(prefix: Path, *, group: int | None, members_write: bool = True) -> None:
    """Make a prefix and the directory of its versions; give a personal one to a group, or take it back.

    Args:
        prefix: the directory above it exists.
        group: number, from choose_group.
        members_write: whether the members of the group may change it, or only its owner.

    Raises:
        PrefixError: one of them cannot be made or given, or is a link.
    """
    places = [
        prefix / name for name in (VERSIONS, BASES, STATE, LUA_TREE, TCL_TREE, *MODULE_FOLDERS)
    ]
    if not members_write:
        # the prefix comes first: from then on nobody else changes what is in it
        make_shared(prefix, group=None)
        for place in (prefix, *places):
            _give(prefix, place, group, members_write=False)
    elif group is not None and prefix.is_dir() and group_of(prefix) != group:
        # the prefix comes last: from then on others may
        for place in places:
            _give(prefix, place, group, members_write=True)
    kept = group if members_write else None
    make_shared(prefix, group=kept)
    make_shared(prefix / VERSIONS, group=kept, top=prefix)


def _give(prefix: Path, folder: Path, group: int | None, *, members_write: bool) -> None:
    try:
        with below.opened(prefix, folder) as number:
            if members_write:
                _open_up(number, folder, group, is_new=False)
            else:
                _close(number, group)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise PrefixError(
            f"{folder} cannot be given to the group or taken from it: {error.strerror}",
            remedy=f"its owner can: see `ls -ld {folder}`; or choose another --prefix",
        ) from error


def _close(number: int, group: int | None) -> None:
    """Let only its owner write an open directory; members of a group may read it."""
    mode = stat.S_IMODE(os.fstat(number).st_mode) & ~(stat.S_IWGRP | stat.S_IWOTH)
    if group is not None:
        mode |= stat.S_ISGID | stat.S_IRGRP | stat.S_IXGRP
    below.change_opened(number, mode=mode, group=group)


def make_folders(path: Path, *, prefix: Path) -> None:
    """Make the directories between a prefix and a file in it, each shared as the prefix is.

    Raises:
        PrefixError: one of them cannot be made, or is a link.
    """
    group = group_of(prefix)
    for place in [prefix / each for each in path.relative_to(prefix).parents][-2::-1]:
        make_shared(place, group=group, top=prefix)


def seal(folder: Path, *, group: int | None) -> None:
    """Make a finished tree read-only for everybody, its owner too, and give it to the group.

    The receipt comes last, because `verify` reads the files that changed after it.

    Args:
        folder: the tree, complete, reached by its descriptor; the receipt in its top, if any.
        group: number, from choose_group; None keeps the group.
    """
    with below.opened(folder, folder) as tree:
        for place, folders, files, inner in os.fwalk(".", dir_fd=tree, follow_symlinks=False):
            links = [name for name in folders if below.is_link(inner, name)]
            for name in sorted({*files, *links}):
                if (place, name) != (".", RECEIPT):
                    _seal_one(inner, name, group)
            below.change_opened(inner, mode=0o555, group=group)
        if below.status(tree, RECEIPT):
            _seal_one(tree, RECEIPT, group)


def _seal_one(folder: int, name: str, group: int | None) -> None:
    runs = os.lstat(name, dir_fd=folder).st_mode & stat.S_IXUSR
    below.change(folder, name, mode=0o555 if runs else 0o444, group=group)


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
