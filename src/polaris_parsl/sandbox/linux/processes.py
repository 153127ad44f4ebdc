"""Finds the sandbox's processes in /proc, by ancestry and by marker."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_ENVIRON_MAX = 1 << 20


@dataclass(frozen=True)
class _ProcessEntry:
    pid: int
    parent: int
    session: int
    is_zombie: bool


def _table() -> dict[int, _ProcessEntry]:
    table: dict[int, _ProcessEntry] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - called several times a second
        if not name.isdigit():
            continue
        try:
            stat = Path("/proc", name, "stat").read_text(errors="replace")
        except OSError:
            continue
        fields = stat.rpartition(")")[2].split()
        pid = int(name)
        table[pid] = _ProcessEntry(pid, int(fields[1]), int(fields[3]), fields[0] in "ZX")
    return table


def descendants(root: int) -> list[int]:
    """Living processes below root, without root."""
    return [entry.pid for entry in _living_below(root)]


def _living_below(root: int) -> list[_ProcessEntry]:
    table = _table()
    below = {root}
    children: dict[int, list[int]] = {}
    for entry in table.values():
        children.setdefault(entry.parent, []).append(entry.pid)
    waiting = [root]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in below:
                below.add(child)
                waiting.append(child)
    return [table[pid] for pid in below - {root} if not table[pid].is_zombie]


def in_sessions(root: int, sessions: Iterable[int]) -> list[int]:
    """Living processes below root that are in one of the sessions."""
    wanted = set(sessions)
    return [entry.pid for entry in _living_below(root) if entry.session in wanted]


def on_node(root: int, sessions: Iterable[int], namespace: int | None) -> list[int]:
    """Living processes below root that run on a node.

    Args:
        root: the daemon.
        sessions: those that were started on the node; their descendants count, too.
        namespace: a file descriptor of the node's own UTS namespace, by which all are found.
    """
    wanted = set(sessions)
    found = set(in_sessions(root, wanted))
    for leader in wanted:
        found.update(descendants(leader))
    if namespace is not None:
        here = os.fstat(namespace).st_ino
        found.update(pid for pid in descendants(root) if _uts_namespace(pid) == here)
    return sorted(found)


def _uts_namespace(pid: int) -> int | None:
    try:
        return Path("/proc", str(pid), "ns", "uts").stat().st_ino
    except OSError:
        return None


def with_marker(root: int, marker: str, sessions: Iterable[int] = ()) -> list[int]:
    """Living processes below root with NAME=VALUE in their environment, or in the sessions."""
    wanted = set(sessions)
    sought = b"\0" + marker.encode() + b"\0"
    return [
        entry.pid
        for entry in _living_below(root)
        if entry.session in wanted or sought in _environment(entry.pid)
    ]


def everywhere_with_marker(marker: str) -> list[int]:
    """Living processes with NAME=VALUE in their environment, whatever their parent."""
    sought = b"\0" + marker.encode() + b"\0"
    return [
        entry.pid
        for entry in _table().values()
        if not entry.is_zombie and entry.pid != os.getpid() and sought in _environment(entry.pid)
    ]


def _environment(pid: int) -> bytes:
    try:
        with Path("/proc", str(pid), "environ").open("rb") as stream:
            return b"\0" + stream.read(_ENVIRON_MAX) + b"\0"
    except OSError:
        return b""
