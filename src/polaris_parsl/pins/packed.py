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
        with (
            zstd.open(archive, "rb") as stream,
            tarfile.open(fileobj=stream, mode="r:") as tar,
        ):
            members = tar.getmembers()
            top = _one_top(archive, members)
            for member in members:
                _extract(tar, member, scratch / member.name)
    # only the archive's OSErrors: a full disk is not the bundle's fault
    except (FileExistsError, NotADirectoryError, PermissionError, *_BROKEN) as error:
        raise BundleError(
            f"cannot unpack {archive}: {error}",
            remedy="copy the bundle again; if that does not help, ask its author",
        ) from error
    return scratch / top


def _one_top(archive: Path, members: list[tarfile.TarInfo]) -> str:
    """The directory that holds all of an archive; refuses other members than plain files in it."""
    tops = set()
    for member in members:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or str(path) != member.name:
            raise BundleError(
                f"{archive} names {member.name!r}, which is not a file below it", remedy=_FOREIGN
            )
        if not (member.isreg() or member.isdir()):
            raise BundleError(
                f"{archive}: {member.name} is a link or a special file; a bundle holds files and "
                "directories only",
                remedy=_FOREIGN,
            )
        tops.add(path.parts[0] if path.parts else "")
    if len(tops) != 1 or tops == {""}:
        raise BundleError(
            f"{archive} holds {len(tops)} directories; a bundle is one", remedy=_FOREIGN
        )
    return tops.pop()


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    if member.isdir():
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(member)
    assert content is not None
    # "x" refuses a name that occurs twice
    with content, place.open("xb") as stream:
        shutil.copyfileobj(content, stream)
    place.chmod(0o755 if member.mode & 0o100 else 0o644)
