"""What a program or library is made of, and where it looks for its libraries; standard library only."""

import struct
from collections.abc import Callable

_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little end first
_LOAD, _DYNAMIC = 1, 2
_NEEDED, _STRING_TABLE, _RPATH, _RUNPATH = 1, 5, 15, 29
_ORIGIN = ("$ORIGIN", "${ORIGIN}")


def loaded(data: bytes) -> bytes:
    """A program or library without what is never loaded into memory: symbols for debuggers, for instance.

    Args:
        data: the file; one that is no such file is returned as it is.
    """
    ends = [offset + length for kind, offset, _, length in _segments(data) if kind == _LOAD]
    if not ends:
        return data
    head = bytearray(data[: max(ends)])
    # the table of sections, which only linkers and debuggers read: where it stood, and its length
    struct.pack_into("<Q", head, 40, 0)
    struct.pack_into("<HH", head, 60, 0, 0)
    return bytes(head)


def with_run_path(data: bytes, change: Callable[[str], str]) -> bytes:
    """A program or library with other directories for its libraries.

    Args:
        data: the file; one that is no such file is returned as it is.
        change: from the directories, with colons, to others. Others that are longer are not written.
    """
    place, _ = _places(data)
    if place is None:
        return data
    end = data.index(b"\0", place)
    old = data[place:end]
    new = change(old.decode()).encode()
    if len(new) > len(old):
        return data
    return data[:place] + new + b"\0" * (len(old) - len(new)) + data[end:]


def beside(data: bytes) -> tuple[list[str], list[str]]:
    """What a program or library looks for near itself.

    Args:
        data: the file; one that is no such file looks for nothing.

    Returns:
        Directories by their path from its own, and names of libraries.
    """
    place, names = _places(data)
    if place is None:
        return [], []
    folders = _text(data, place).split(":")
    near = [
        each.removeprefix(start).lstrip("/") or "."
        for each in folders
        for start in _ORIGIN
        if each.startswith(start)
    ]
    return near, [_text(data, each) for each in names]


def _text(data: bytes, place: int) -> str:
    return data[place : data.index(b"\0", place)].decode(errors="surrogateescape")


def _places(data: bytes) -> tuple[int | None, list[int]]:
    """Where in the file the directories stand, and the names of the libraries that are needed."""
    segments = _segments(data)
    pairs: list[tuple[int, int]] = []
    for kind, offset, _, length in segments:
        if kind == _DYNAMIC:
            pairs = [
                struct.unpack_from("<QQ", data, at) for at in range(offset, offset + length, 16)
            ]
    entries = dict(pairs)
    name = entries.get(_RUNPATH, entries.get(_RPATH))
    if name is None:
        return None, []
    table = entries[_STRING_TABLE]
    for kind, offset, address, length in segments:
        if kind == _LOAD and address <= table < address + length:
            strings = offset + table - address
            needed = [strings + value for kind, value in pairs if kind == _NEEDED]
            return strings + name, needed
    return None, []


def _segments(data: bytes) -> list[tuple[int, int, int, int]]:
    """The kind of each part, where it begins in the file and in memory, and its length in the file."""
    if data[: len(_MAGIC)] != _MAGIC:
        return []
    (headers,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    found = (struct.unpack_from("<IIQQQQ", data, headers + at * size) for at in range(count))
    return [(kind, offset, address, length) for kind, _, offset, address, _, length in found]
