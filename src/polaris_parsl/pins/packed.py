"""A bundle in one file, packed like the overlay; all its names are checked before one is used."""

import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath

from backports import zstd

from polaris_parsl.env.installer.archive import pack
from polaris_parsl.env.prefix.publish import new_directory
from polaris_parsl.env.prefix.staging import staging_name
from polaris_parsl.errors import BundleError, PrefixError
from polaris_parsl.pins.bundle import Bundle, open_bundle
from polaris_parsl.pins.members import Member, read_members

SUFFIX = ".tar.zst"

_BROKEN = (EOFError, zstd.ZstdError, tarfile.TarError)
_FOREIGN = "do not use this bundle; ask its author"


@contextmanager
def new_bundle(target: Path) -> Iterator[Path]:
    """An empty directory that becomes a bundle when it is complete; a failure leaves nothing.

    Args:
        target: the directory to make; a name that ends in .tar.zst makes one file.

    Raises:
        PrefixError: the target exists, or it cannot be made.
    """
    if not target.name.endswith(SUFFIX):
        with new_directory(target) as folder:
            yield folder
        return
    if os.path.lexists(target):
        raise PrefixError(f"{target} exists already", remedy="choose another name")
    with tempfile.TemporaryDirectory(prefix="polaris-parsl-pin-") as scratch:
        folder = Path(scratch, target.name.removesuffix(SUFFIX))
        with new_directory(folder) as staged:
            yield staged
        _publish(folder, target)


def _publish(folder: Path, target: Path) -> None:
    staged = target.with_name(staging_name(target.name))
    try:
        pack(folder, staged)
        staged.chmod(0o644)
        # unlike a rename it fails if another process was faster
        os.link(staged, target)
    except OSError as error:
        raise PrefixError(
            f"cannot make {target}: {error.strerror}", remedy="choose another directory"
        ) from error
    finally:
        with suppress(OSError):
            staged.unlink()


@contextmanager
def opened(place: Path) -> Iterator[Bundle]:
    """Check a bundle and read it; an archive is unpacked into a scratch directory.

    Args:
        place: the directory or the file that `polaris-parsl pin` made.

    Raises:
        BundleError: as for open_bundle; or the file is not an archive, is cut short, or names
            places outside itself.
    """
    if not place.is_file():
        yield open_bundle(place)
        return
    with tempfile.TemporaryDirectory(prefix="polaris-parsl-bundle-") as scratch:
        folder = _unpack(place, Path(scratch))
        try:
            bundle = open_bundle(folder)
        except BundleError as error:
            problem = error.problem.replace(str(folder), str(place))
            raise BundleError(problem, remedy=error.remedy) from error
        yield replace(bundle, place=place)


def _unpack(archive: Path, scratch: Path) -> Path:
    try:
        with zstd.open(archive, "rb") as stream:
            top, total = _one_top(archive, read_members(stream, archive))
        _refuse_full(archive, scratch, total)
        with zstd.open(archive, "rb") as stream:
            for member in read_members(stream, archive):
                _extract(member, scratch / member.name)
    # of OSErrors those of the archive: a full disk is not the bundle's fault
    except (FileExistsError, NotADirectoryError, PermissionError, *_BROKEN) as error:
        raise BundleError(
            f"cannot unpack {archive}: {error}",
            remedy="copy the bundle again; if that does not help, ask its author",
        ) from error
    return scratch / top


def _one_top(archive: Path, members: Iterator[Member]) -> tuple[str, int]:
    """The directory that holds all of an archive, and its size; every member is looked at."""
    tops, total = set(), 0
    for member in members:
        tops.add(PurePosixPath(member.name).parts[0] if member.name != "." else "")
        total += member.size_bytes or 0
    if len(tops) != 1 or tops == {""}:
        raise BundleError(
            f"{archive} holds {len(tops)} directories; a bundle is one", remedy=_FOREIGN
        )
    return tops.pop(), total


def _refuse_full(archive: Path, scratch: Path, total: int) -> None:
    free = shutil.disk_usage(scratch).free
    if total > free:
        raise BundleError(
            f"{archive} unpacks to {total} bytes; {scratch.parent} has {free} free",
            remedy="make room there, or set TMPDIR to a directory elsewhere",
        )


def _extract(member: Member, place: Path) -> None:
    if member.size_bytes is None:
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    # "x": no name may come twice
    with place.open("xb") as stream:
        stream.writelines(member.content)
    place.chmod(0o755 if member.is_executable else 0o644)
