"""How an install appears: built under a staging name, renamed when it is complete."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from polaris_parsl.env.permissions import FILE, make_shared, remove_tree
from polaris_parsl.errors import PrefixError

# readable for everybody, writable for the owner, whatever the umask of the caller
_UMASK = 0o022
_CHOOSE = "choose another directory with --prefix"


def refuse_unusable(prefix: Path, version: str) -> None:
    """Refuse a prefix that cannot be written or has this version, before anything is built.

    Raises:
        PrefixError: it is one of these.
    """
    target = prefix / "versions" / version
    if target.exists():
        raise PrefixError(
            f"{target} exists already; an install is never changed in place",
            remedy=f"remove it (docs/on-disk.md says how), or {_CHOOSE}",
        )
    nearest = next(place for place in (prefix, *prefix.parents) if os.path.lexists(place))
    if not nearest.is_dir():
        raise PrefixError(f"{prefix} cannot be made: {nearest} is no directory", remedy=_CHOOSE)
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise PrefixError(f"{prefix} cannot be written: no permission in {nearest}", remedy=_CHOOSE)


@contextmanager
def staging(prefix: Path, version: str, *, group: int | None) -> Iterator[Path]:
    """An empty directory beside the place of the install; gone afterwards, if not renamed.

    Directories that had to be made for it are removed too where nothing was put
    into them.

    Args:
        prefix: where to install.
        version: name of the install's directory.
        group: number of the group that the prefix is to belong to, from choose_group.

    Raises:
        PrefixError: the prefix cannot be written, or has this version.
    """
    refuse_unusable(prefix, version)
    versions = prefix / "versions"
    folder = versions / f".staging-{version}-{os.getpid()}"
    missing = [place for place in (folder, *folder.parents) if not os.path.lexists(place)]
    before = os.umask(_UMASK)
    try:
        try:
            prefix.parent.mkdir(parents=True, exist_ok=True)
            make_shared(prefix, group=group)
            make_shared(versions, group=group)
            folder.mkdir()
        except OSError as error:
            raise PrefixError(
                f"{prefix} cannot be written: {error.strerror}: {error.filename}", remedy=_CHOOSE
            ) from error
        yield folder
    finally:
        remove_tree(folder)
        for place in missing[1:]:
            with suppress(OSError):
                place.rmdir()
        os.umask(before)


@contextmanager
def new_directory(target: Path) -> Iterator[Path]:
    """An empty directory that gets its name when it is complete; gone if that fails.

    Raises:
        PrefixError: the name is taken, or the directory cannot be made.
    """
    remedy = "choose another directory"
    if os.path.lexists(target):
        raise PrefixError(f"{target} exists already", remedy=remedy)
    before = os.umask(_UMASK)
    folder = target.with_name(f".staging-{target.name}-{os.getpid()}")
    try:
        try:
            folder.mkdir()
        except OSError as error:
            raise PrefixError(f"cannot make {target}: {error.strerror}", remedy=remedy) from error
        yield folder
        with renamed(folder, target):
            pass
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.umask(before)


@contextmanager
def renamed(folder: Path, target: Path) -> Iterator[None]:
    """Give a complete tree its name; take it away again if what follows fails.

    Raises:
        PrefixError: somebody else was faster.
    """
    try:
        folder.rename(target)
    except OSError as error:
        raise PrefixError(
            f"{target} was made by somebody else meanwhile: {error.strerror}", remedy=_CHOOSE
        ) from error
    try:
        yield
    except BaseException:
        remove_tree(target)
        raise


def write_atomically(path: Path, text: str) -> None:
    """Write a file that readers see either as it was or as it will be, never in between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, staged = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
            os.fchmod(stream.fileno(), FILE)
        Path(staged).rename(path)
    except BaseException:
        Path(staged).unlink(missing_ok=True)
        raise
