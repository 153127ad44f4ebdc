"""One file that holds a directory; the same directory, the same bytes."""

import tarfile
from pathlib import Path

from backports import zstd

ARCHIVE = "overlay.tar.zst"
# 2020-01-01; a wheel, which is a zip, holds no time before 1980
EPOCH_SECONDS = 1577836800
_LEVEL = 3


def pack(folder: Path, archive: Path) -> None:
    """Pack a directory under its name: sorted, of one time and of one owner.

    Args:
        folder: the directory; it holds directories, files and links.
        archive: the file to write, a tar compressed with zstd.
    """
    with (
        zstd.open(archive, "wb", level=_LEVEL) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path in (folder, *sorted(folder.rglob("*"))):
            _add(tar, path, str(path.relative_to(folder.parent)))


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    member = tarfile.TarInfo(name)
    member.mtime = EPOCH_SECONDS
    if path.is_symlink():
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, str(path.readlink()), 0o777
        tar.addfile(member)
    elif path.is_dir():
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(member)
    else:
        status = path.stat()
        member.size, member.mode = status.st_size, 0o755 if status.st_mode & 0o100 else 0o644
        with path.open("rb") as content:
            tar.addfile(member, content)
