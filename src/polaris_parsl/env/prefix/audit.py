"""What a member of the group could not read or change in a prefix, and what an outsider could write.

A member is somebody who is in the group and owns nothing here; outsiders are all
others but root. Of a prefix that is a person's, everybody else is an outsider.
"""

import os
import shlex
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from polaris_parsl.env.prefix.access import READ, SEARCH, WRITE, Access, hidden_acl, read_access
from polaris_parsl.env.prefix.permissions import group_name
from polaris_parsl.env.prefix.publish_modulefiles import find_changed
from polaris_parsl.env.prefix.writers import writers_above
from polaris_parsl.errors import PolarisParslError, PrefixError
from polaris_parsl.installs import (
    BASES,
    INSTALL_FILE,
    LUA_TREE,
    QUEUES_FILE,
    STATE,
    TCL_TREE,
    VERSIONS,
)

# what installs make in a prefix (docs/on-disk.md); what else lies there is not ours to judge
_OURS = (VERSIONS, BASES, LUA_TREE, TCL_TREE, STATE, INSTALL_FILE, QUEUES_FILE)

# how an outsider may write, and what ends it
_REMEDIES = {
    "others": "chmod o-w",
    "group": "chmod g-w",
    "acl": "setfacl --remove-all",
    "owner": "let root give it to a member: chown",
}


@dataclass(frozen=True)
class AuditFinding:
    """A file or directory whose permissions are too wide or too narrow.

    Attributes:
        path: which.
        kind: "unreadable" to a member, "closed" to a member who upgrades, "writable" by an
            outsider, "unsealed": published, and not read-only, a "link" where installs make
            none, or "changed": a modulefile that is not what receipt and state give.
        text: who can or cannot, and the permissions that say so.
        remedy: what its owner must do.
    """

    path: Path
    kind: str
    text: str
    remedy: str


@dataclass(frozen=True)
class AuditReport:
    """Result of an audit; `unchecked` lists what could not be checked."""

    prefix: Path
    group: int | None
    findings: tuple[AuditFinding, ...]
    unchecked: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "prefix": str(self.prefix),
            "group": None if self.group is None else group_name(self.group),
            "findings": [
                {"path": str(each.path), "kind": each.kind, "text": each.text, "fix": each.remedy}
                for each in self.findings
            ],
            "unchecked": list(self.unchecked),
        }


def audit(prefix: Path, *, group: int | None) -> AuditReport:
    """Check the permissions of each file of a prefix, of the targets of its links, and of the directories above.

    Args:
        prefix: the prefix, by an absolute path.
        group: number of the group whose members use it; None judges writing only, because
            the readers are not known then.

    Raises:
        PrefixError: there is no such directory.
    """
    if not prefix.is_dir():
        raise PrefixError(
            f"there is no prefix {prefix}", remedy="name one: --prefix, as given to install"
        )
    look = _Look(prefix.resolve(), group)
    findings = tuple(look.findings())
    return AuditReport(prefix, group, findings, tuple(look.unchecked))


class _Look:
    """One audit: who owns and who uses the prefix, which paths were checked, which could not be."""

    def __init__(self, prefix: Path, group: int | None) -> None:
        self._prefix = prefix
        self._group = group
        # what lies in a group's prefix may have any member for an owner
        self._owners = frozenset({prefix.stat().st_uid} if group is None else ())
        self._is_open = True
        self._passed: set[Path] = set()
        self.unchecked: list[str] = []

    def findings(self) -> Iterator[AuditFinding]:
        if self._group is None:
            self.unchecked.append("who can read: the prefix belongs to no group; --group names one")
        if hidden := hidden_acl(self._prefix):
            self.unchecked.append(f"ACLs: {hidden}")
        for place in reversed(self._prefix.parents):
            yield from self._asked(place, self._above)
        yield from self._asked(self._prefix, self._top)
        for path in self._walk():
            if path.is_symlink() and self._is_structure(path):
                yield _linked(path)
            elif path.is_symlink():
                yield from self._target(path)
            elif {self._prefix / VERSIONS, self._prefix / BASES} & {*path.parents}:
                yield from self._asked(path, self._published)
            else:
                yield from self._asked(path, self._shared)
        yield from self._modulefiles()

    def _is_structure(self, path: Path) -> bool:
        """Whether a path is one that installs make, which are never links: all but what is in a version."""
        return not {self._prefix / VERSIONS, self._prefix / BASES} & {*path.parents[1:]}

    def _modulefiles(self) -> Iterator[AuditFinding]:
        """Each modulefile holds what receipts and state give."""
        try:
            for each in find_changed(self._prefix):
                if each.made_by:
                    self.unchecked.append(f"{each.path}: {each.text}")
                else:
                    yield AuditFinding(each.path, "changed", each.text, each.remedy)
        except PolarisParslError as error:
            self.unchecked.append(f"the modulefiles: {error.problem}")

    def _walk(self) -> Iterator[Path]:
        def note(error: OSError) -> None:
            self.unchecked.append(f"{error.filename}: {error.strerror}")

        for top in (self._prefix / name for name in _OURS):
            if os.path.lexists(top):
                yield top
            if top.is_symlink() or not top.is_dir():
                continue
            for place, folders, files in os.walk(top, onerror=note):
                if place in {str(self._prefix / VERSIONS), str(self._prefix / BASES)}:
                    # of an install that is being made or removed
                    folders[:] = [name for name in folders if not name.startswith(".")]
                    files[:] = [name for name in files if not name.startswith(".")]
                yield from (Path(place, name) for name in sorted((*folders, *files)))

    def _asked(
        self, path: Path, judge: Callable[[Path, Access], Iterator[AuditFinding]]
    ) -> Iterator[AuditFinding]:
        try:
            access = read_access(path)
        except OSError as error:
            self.unchecked.append(f"{path}: {error.strerror}")
        else:
            yield from judge(path, access)

    def _above(self, place: Path, access: Access) -> Iterator[AuditFinding]:
        """A member must get through; an outsider must not rename what is in it."""
        yield from self._way(place, access)
        if self._is_open:
            for who, how in writers_above(access, group=self._group, owners=self._owners):
                yield self._written(place, access, who, how)
        self._note_closed(place, access, self._owners)

    def _top(self, prefix: Path, access: Access) -> Iterator[AuditFinding]:
        yield from self._shared(prefix, access)
        self._note_closed(prefix, access, self._owners)

    def _note_closed(self, place: Path, access: Access, trusted: frozenset[int]) -> None:
        if self._is_open and not any(access.outsiders(SEARCH, group=self._group, owners=trusted)):
            self._is_open = False
            self.unchecked.append(f"what outsiders can write: none gets through {place}")

    def _shared(self, path: Path, access: Access) -> Iterator[AuditFinding]:
        """Members must read it and, if it is a directory, change what is in it."""
        yield from self._unreadable(path, access)
        yield from self._writable(path, access, self._owners)
        if self._group is None or not stat.S_ISDIR(access.mode):
            return
        is_shared = access.members(self._group) == READ | WRITE | SEARCH
        if access.group != self._group or not (is_shared and access.mode & stat.S_ISGID):
            name = group_name(self._group)
            yield AuditFinding(
                path,
                "closed",
                f"not shared with {name}, as mode 2775 of that group is ({access.shown()})",
                f"chgrp {name} {_word(path)}; chmod g+rwxs {_word(path)}",
            )

    def _published(self, path: Path, access: Access) -> Iterator[AuditFinding]:
        yield from self._unreadable(path, access)
        yield from self._writable(path, access, self._owners)
        if access.mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
            yield AuditFinding(
                path,
                "unsealed",
                f"published, but not read-only ({access.shown()})",
                f"chmod a-w {_word(path)}",
            )

    def _target(self, link: Path) -> Iterator[AuditFinding]:
        """What a link leads to outside of the prefix: mostly the Python of the base."""
        target = Path(os.path.realpath(link))
        if self._prefix in target.parents or not target.exists():
            return
        for place in (*reversed(target.parents), target):
            judge = self._unreadable if place == target else self._way
            for finding in self._asked(place, judge):
                # who made the link may want just this to be opened
                remedy = f"look whether {_word(link)} should lead there; if so, its owner opens it"
                yield replace(finding, remedy=remedy)

    def _way(self, place: Path, access: Access) -> Iterator[AuditFinding]:
        yield from self._denied(place, access, SEARCH, "get through", "x")

    def _unreadable(self, path: Path, access: Access) -> Iterator[AuditFinding]:
        runs = stat.S_ISDIR(access.mode) or access.mode & stat.S_IXUSR
        needed, words = (READ | SEARCH, "rx") if runs else (READ, "r")
        yield from self._denied(path, access, needed, "read", words)

    def _denied(
        self, path: Path, access: Access, needed: int, verb: str, letters: str
    ) -> Iterator[AuditFinding]:
        if self._group is None or path in self._passed:
            return
        self._passed.add(path)
        if access.members(self._group) & needed != needed:
            name = group_name(self._group)
            party = "g" if access.group == self._group else "o"
            yield AuditFinding(
                path,
                "unreadable",
                f"a member of {name} cannot {verb} it ({access.shown()})",
                f"chmod {party}+{letters} {_word(path)}",
            )

    def _writable(
        self, path: Path, access: Access, trusted: frozenset[int]
    ) -> Iterator[AuditFinding]:
        needed = WRITE | SEARCH if stat.S_ISDIR(access.mode) else WRITE
        if not self._is_open:
            return
        for who, how in access.outsiders(needed, group=self._group, owners=trusted):
            yield self._written(path, access, who, how)

    def _written(self, path: Path, access: Access, who: str, how: str) -> AuditFinding:
        text = f"{who} can write it ({access.shown()})"
        return AuditFinding(path, "writable", text, f"{_REMEDIES[how]} {_word(path)}")


def _linked(path: Path) -> AuditFinding:
    return AuditFinding(
        path,
        "link",
        f"a link to {path.readlink()}, and an install makes none there",
        f"look who made it: ls -ld {_word(path)}; rm {_word(path)}; then put back the directory "
        "or the file, or run `polaris-parsl repair`",
    )


def _word(path: Path) -> str:
    return shlex.quote(str(path))
