"""The directories in which a program or library looks for its libraries; standard library only."""

import struct
from collections.abc import Callable

_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little end first
_LOAD, _DYNAMIC = 1, 2
_STRING_TABLE, _RPATH, _RUNPATH = 5, 15, 29


def with_run_path(data: bytes, change: Callable[[str], str]) -> bytes:
    """A program or library with other directories for its libraries.

    Args:
        data: the file; one that is no such file is returned as it is.
        change: from the directories, with colons, to others. Others that are longer are not written.
    """
    place = _run_path(data)
    if place is None:
        return data
    end = data.index(b"\0", place)
    old = data[place:end]
    new = change(old.decode()).encode()
    if len(new) > len(old):
        return data
    return data[:place] + new + b"\0" * (len(old) - len(new)) + data[end:]


def _run_path(data: bytes) -> int | None:
    """Where the directories stand in the file."""
    if data[: len(_MAGIC)] != _MAGIC:
        return None
    (headers,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    segments = [struct.unpack_from("<IIQQQQQQ", data, headers + at * size) for at in range(count)]
    entries: dict[int, int] = {}
    for kind, _, offset, _, _, length, _, _ in segments:
        if kind == _DYNAMIC:
            entries = dict(
                struct.unpack_from("<QQ", data, at) for at in range(offset, offset + length, 16)
            )
    name = entries.get(_RUNPATH, entries.get(_RPATH))
    if name is None:
        return None
    table = entries[_STRING_TABLE]
    for kind, _, offset, address, _, length, _, _ in segments:
        if kind == _LOAD and address <= table < address + length:
            return int(offset + table - address + name)
    return None
