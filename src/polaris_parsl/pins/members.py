"""The members of a bundle's archive, read header by header.

Nothing is unpacked, or kept in memory, before its kind, name and size have been looked at.
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from polaris_parsl.errors import BundleError

MEMBERS_MAX = 100_000
MEMBER_BYTES_MAX = 4 << 30
TOTAL_BYTES_MAX = 16 << 30
_NAME_BYTES_MAX = 4096
_CHUNK_BYTES = 1 << 20
_FOREIGN = "do not use this bundle; ask its author"
_KINDS = {
    tarfile.SYMTYPE: "a link",
    tarfile.LNKTYPE: "a link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
    tarfile.XHDTYPE: "a header of the PAX format",
    tarfile.XGLTYPE: "a header of the PAX format",
    tarfile.SOLARIS_XHDTYPE: "a header of the PAX format",
}


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Member:
    """A directory or a file; its content is taken before the next member is asked for.

    Attributes:
        name: below the archive's one directory, which is its first part.
        size_bytes: of the file; None of a directory.
        is_executable: whether its owner may run it.
        content: the chunks of the file.
    """

    name: str
    size_bytes: int | None
    is_executable: bool
    content: Iterator[bytes]


def read_members(stream: _Stream, archive: Path) -> Iterator[Member]:
    """Go through an unpacked tar stream, as `polaris-parsl pin` writes it.

    Args:
        stream: the archive without its compression.
        archive: its file, to name it in errors.

    Raises:
        BundleError: it holds something else than files and directories, names a place outside,
            or more or larger members than a bundle has.
        EOFError: it is cut short.
        tarfile.TarError: it is not a tar file.
    """
    long_name, count, total = "", 0, 0
    while any(block := _read(stream, tarfile.BLOCKSIZE)):
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if header.type == tarfile.GNUTYPE_LONGNAME:
            long_name = _long_name(stream, header, archive)
            continue
        name, long_name = long_name or header.name, ""
        count, total = count + 1, total + max(header.size, 0)
        _refuse_kind(archive, name, header)
        _refuse_name(archive, name)
        _refuse_size(archive, name, header.size, count, total)
        content = _content(stream, header.size)
        size = None if header.isdir() else header.size
        yield Member(name, size, bool(header.mode & 0o100), content)
        for _ in content:  # what was not asked for
            pass


def _read(stream: _Stream, size: int) -> bytes:
    found = stream.read(size)
    if len(found) != size:
        raise EOFError("it is cut short")
    return found


def _content(stream: _Stream, size: int) -> Iterator[bytes]:
    left = size
    while left > 0:
        chunk = _read(stream, min(left, _CHUNK_BYTES))
        left -= len(chunk)
        yield chunk
    _read(stream, -size % tarfile.BLOCKSIZE)


def _long_name(stream: _Stream, header: tarfile.TarInfo, archive: Path) -> str:
    if not 0 < header.size <= _NAME_BYTES_MAX:
        raise BundleError(
            f"{archive} has a name of {header.size} bytes; a bundle has {_NAME_BYTES_MAX} at most",
            remedy=_FOREIGN,
        )
    text = b"".join(_content(stream, header.size))
    return text.partition(b"\0")[0].decode("utf-8", "surrogateescape").removesuffix("/")


def _refuse_kind(archive: Path, name: str, header: tarfile.TarInfo) -> None:
    if header.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
        return
    if header.isdir() and header.size == 0:
        return
    kind = _KINDS.get(header.type, f"of the kind {header.type!r}")
    raise BundleError(
        f"{archive}: {name!r} is {kind}; a bundle holds files and directories only",
        remedy=_FOREIGN,
    )


def _refuse_name(archive: Path, name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or str(path) != name or not name.isprintable():
        raise BundleError(
            f"{archive} names {name!r}, which is not a file below it", remedy=_FOREIGN
        )


def _refuse_size(archive: Path, name: str, size: int, count: int, total: int) -> None:
    for found, most, what in (
        (count, MEMBERS_MAX, "members"),
        (size, MEMBER_BYTES_MAX, f"bytes in {name}"),
        (total, TOTAL_BYTES_MAX, "bytes"),
    ):
        if not 0 <= found <= most:
            raise BundleError(
                f"{archive} has {found} {what}; a bundle has {most} at most", remedy=_FOREIGN
            )
