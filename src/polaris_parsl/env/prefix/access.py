"""What a file's mode and POSIX ACL let a member of a group do, and which outsiders may do it.

An ACL is read from the extended attribute in which Linux keeps it: a version, then
entries of a tag, permissions and a number (acl(5), linux/posix_acl_xattr.h).
"""

import errno
import grp
import os
import pwd
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from polaris_parsl.env.prefix.permissions import group_name, user_name

READ, WRITE, SEARCH = 4, 2, 1

_ATTRIBUTE = "system.posix_acl_access"
_HEADER, _ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
_USER, _GROUP_OBJ, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10


@dataclass(frozen=True)
class Access:
    """Who may do what with a file.

    Attributes:
        owner: number of its user.
        group: number of its group.
        mode: its type and permissions; of the group's, what the ACL gives the owning group.
        users: permissions that the ACL gives to users, by number, masked.
        groups: the same for groups.
    """

    owner: int
    group: int
    mode: int
    users: tuple[tuple[int, int], ...] = ()
    groups: tuple[tuple[int, int], ...] = ()

    @property
    def others(self) -> int:
        """Permissions of everybody else."""
        return self.mode & 7

    def members(self, group: int) -> int:
        """Permissions of somebody who is in this group, does not own the file, and has no other."""
        given = [bits for number, bits in self.groups if number == group]
        if self.group == group:
            given.append(self.mode >> 3 & 7)
        if not given:
            return self.others
        together = 0
        for bits in given:
            together |= bits
        return together

    def outsiders(
        self, wanted: int, *, group: int | None, owners: frozenset[int]
    ) -> Iterator[tuple[str, str]]:
        """Who may do something without being in the group or one of the owners, and by what.

        Args:
            wanted: permissions, for instance WRITE.
            group: number of the group; None if there is none.
            owners: numbers of the users who may do everything.

        Yields:
            A description, and "others", "group", "acl" or "owner".
        """
        if self.others & wanted == wanted:
            yield "everybody", "others"
        own = (self.group, self.mode >> 3 & 7)
        for number, bits, by in ((*own, "group"), *((*each, "acl") for each in self.groups)):
            if bits & wanted == wanted and number != group and not _is_private(number, owners):
                yield f"the group {group_name(number)}", by
        for number, bits in self.users:
            if bits & wanted == wanted and not _is_trusted(number, group, owners, nameless=False):
                yield user_name(number), "acl"
        if not _is_trusted(self.owner, group, owners, nameless=True):
            yield f"{user_name(self.owner)}, its owner,", "owner"

    def shown(self) -> str:
        """Owner, group and mode in the manner of `ls`, with a + for an ACL."""
        more = "+" if self.users or self.groups else ""
        return f"{user_name(self.owner)} {group_name(self.group)} {stat.filemode(self.mode)}{more}"


def read_access(path: Path) -> Access:
    """Who may do what with a file; links are followed.

    Raises:
        OSError: it is not there, or not to be looked at.
    """
    status = path.stat()
    plain = Access(status.st_uid, status.st_gid, status.st_mode)
    # Linux does not look at an ACL whose mask is empty (fs/namei.c, acl_permission_check)
    if not status.st_mode & stat.S_IRWXG:
        return plain
    try:
        content = os.getxattr(path, _ATTRIBUTE)
    except OSError as error:
        if error.errno in {errno.ENODATA, errno.ENOTSUP}:
            return plain
        raise
    entries = list(_ENTRY.iter_unpack(content[_HEADER.size :]))
    mask = next((bits for tag, bits, _ in entries if tag == _MASK), 7)
    own = next(bits for tag, bits, _ in entries if tag == _GROUP_OBJ)
    # with a mask, the mode of the file shows that in the place of the group's permissions
    mode = status.st_mode & ~stat.S_IRWXG | (own & mask) << 3
    named = {
        kind: tuple((number, bits & mask) for tag, bits, number in entries if tag == kind)
        for kind in (_USER, _GROUP)
    }
    return Access(status.st_uid, status.st_gid, mode, named[_USER], named[_GROUP])


def hidden_acl(path: Path) -> str | None:
    """Why the ACLs below a path are not known; None if they are."""
    try:
        if any("nfs4" in name for name in os.listxattr(path)):
            return "NFSv4 ACLs are not read"
        os.getxattr(path, _ATTRIBUTE)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return "this file system shows no ACLs"
    return None


@cache
def unknown_user() -> int | None:
    """The number by which a namespace shows all users that it does not know, root among them."""
    try:
        lines = Path("/proc/self/uid_map").read_text(encoding="utf-8").splitlines()
        if sum(int(line.split()[2]) for line in lines) >= 2**32 - 1:
            return None
        return int(Path("/proc/sys/kernel/overflowuid").read_text(encoding="utf-8"))
    except (OSError, ValueError, IndexError):
        return None


@cache
def _is_trusted(user: int, group: int | None, owners: frozenset[int], *, nameless: bool) -> bool:
    """Whether a user is root, an owner or a member; of one without a name no group is known."""
    if user == 0 or user in owners or user == unknown_user():
        return True
    if group is None:
        return False
    try:
        entry = pwd.getpwuid(user)
    except KeyError:
        return nameless
    return group in os.getgrouplist(entry.pw_name, entry.pw_gid)


@cache
def _is_private(group: int, owners: frozenset[int]) -> bool:
    """Whether a group is that of one of the owners alone, as many systems make one for each user."""
    try:
        entry = grp.getgrgid(group)
    except KeyError:
        return False
    names = {user_name(each) for each in owners}
    return entry.gr_name in names and set(entry.gr_mem) <= names
