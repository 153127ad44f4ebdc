"""The index of a checkpoint: what its results are found by, and where in the file each of them is.

An index is a header and entries of one size. RUN/checkpoint/tasks.index is written by the run itself,
an entry after each result. What it lacks is read from the checkpoint once, and kept in a file of the
same kind in RUN_DIR/polaris_parsl/, which belongs to no run.
"""

import pickle
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import IO, NamedTuple

from polaris_parsl.configuration.checkpoints import app_code, keys

_MAGIC = b"polaris_parsl 1\n"
_HEADER = Struct(f">{len(_MAGIC)}sQQ")
_ENTRY = Struct(f">{keys.SIZE}s{app_code.SIZE}sQQI")
# What Parsl writes, and what releases before 2026.12 wrote: nobody knows of which code results are.
UNKNOWN_CODE = bytes(app_code.SIZE)


class Key(NamedTuple):
    """What a result is found by.

    Attributes:
        call: of the app's place and name and its arguments.
        code: of the app's code, or of the version that the user gave.
    """

    call: bytes
    code: bytes

    def __str__(self) -> str:
        """As it stands in a checkpoint."""
        return self.call.hex() + ("" if self.code == UNKNOWN_CODE else self.code.hex())


def key_from(text: object) -> Key | None:
    """The key that stands in a checkpoint; None if it is none."""
    try:
        both = bytes.fromhex(text if isinstance(text, str) else "")
    except ValueError:
        return None
    if len(both) not in (keys.SIZE, keys.SIZE + app_code.SIZE):
        return None
    return Key(both[: keys.SIZE], both[keys.SIZE :] or UNKNOWN_CODE)


class Entry(NamedTuple):
    """A result: its key, where it begins in the checkpoint, its length, and its CRC."""

    call: bytes
    code: bytes
    offset: int
    length: int
    checksum: int

    def as_bytes(self) -> bytes:
        """As it stands in an index."""
        return _ENTRY.pack(*self)


@dataclass
class Index:
    """What is known of a checkpoint.

    Attributes:
        entries: as they stand in an index, one after the other.
        looked_at: bytes of the checkpoint whose results are all among them.
        damaged_at: size of the checkpoint when a damage after `looked_at` was reported; 0 for none.
    """

    entries: bytearray
    looked_at: int = 0
    damaged_at: int = 0

    def each(self) -> Iterator[Entry]:
        """Its entries."""
        return map(Entry._make, _ENTRY.iter_unpack(self.entries))

    def cut(self, size: int) -> None:
        """Leave out what lies behind the end of a checkpoint that has become shorter."""
        whole = [each for each in self.each() if each.offset + each.length <= size]
        self.entries = bytearray(b"".join(each.as_bytes() for each in whole))
        self.looked_at = max((each.offset + each.length for each in whole), default=0)

    def as_bytes(self) -> bytes:
        """As a file."""
        return _HEADER.pack(_MAGIC, self.looked_at, self.damaged_at) + self.entries

    def __len__(self) -> int:
        return len(self.entries) // _ENTRY.size


def header() -> bytes:
    """How an index begins to which entries will be added."""
    return _HEADER.pack(_MAGIC, 0, 0)


def index_from(content: bytes) -> Index:
    """The index in a file; without an entry that was cut short, and empty if the file is none."""
    if len(content) < _HEADER.size or not content.startswith(_MAGIC):
        return Index(bytearray())
    _, looked_at, damaged_at = _HEADER.unpack_from(content)
    whole = (len(content) - _HEADER.size) // _ENTRY.size * _ENTRY.size
    entries = bytearray(content[_HEADER.size : _HEADER.size + whole])
    if entries:
        last = Entry._make(_ENTRY.unpack_from(entries, len(entries) - _ENTRY.size))
        looked_at = max(looked_at, last.offset + last.length)
    return Index(entries, looked_at, damaged_at)


def look_at_rest(index: Index, checkpoint: IO[bytes], *, most: int | None = None) -> str:
    """Add what a checkpoint has after what is known of it; why that ends before its end, or "".

    Args:
        index: gets the entries.
        checkpoint: opened, and trusted: its results are unpickled, one after the other.
        most: so many results at most; then "" is returned, too.
    """
    checkpoint.seek(index.looked_at)
    found = 0
    while most is None or found < most:
        begin = index.looked_at
        try:
            record = pickle.load(checkpoint)
            key = key_from(record["hash"])
        except EOFError:
            end = checkpoint.seek(0, 2)
            return "" if end == begin else "it ends in the middle of a result"
        except Exception as error:  # noqa: BLE001 - damaged pickles raise anything
            is_cut = isinstance(error, pickle.UnpicklingError) and not checkpoint.read(1)
            return (
                "it ends in the middle of a result"
                if is_cut
                else f"{type(error).__name__}: {error}"
            )
        end = checkpoint.tell()
        if key:
            checksum = _checksum(checkpoint, begin, end)
            index.entries += Entry(*key, begin, end - begin, checksum).as_bytes()
        index.looked_at, found = end, found + 1
    return ""


def _checksum(file: IO[bytes], begin: int, end: int) -> int:
    checksum = 0
    file.seek(begin)
    while begin < end and (part := file.read(min(end - begin, 1 << 20))):
        checksum, begin = zlib.crc32(part, checksum), begin + len(part)
    return checksum
