"""The directory that a sandbox writes into: its user's own, with no link in what it will open."""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from polaris_parsl.errors import SandboxError

_OTHER = "choose another one with --state"
# what jobs put there is theirs, and is opened by them only
_OF_JOBS = {"tmp", "network", "nodes"}


@contextlib.contextmanager
def state_directory(asked: Path | None) -> Iterator[Path]:
    """The directory, ours alone while the sandbox runs; a temporary one is removed.

    Raises:
        SandboxError: it is somebody else's, others can write it, it holds a link, or another
            sandbox uses it.
    """
    if asked is None:
        # Not TMPDIR: its path may be long or have characters that LD_PRELOAD cannot take.
        folder = Path(tempfile.mkdtemp(prefix="polaris-sandbox-", dir="/tmp"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    named = Path(os.path.normpath(asked.absolute()))
    folder = named.parent.resolve() / named.name
    if any(character in " \t\n:" for character in str(folder)):
        raise SandboxError(
            f"the path of the state directory, {folder}, has a blank or a colon", remedy=_OTHER
        )
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
    with _opened(folder) as number:
        _refuse_links(folder, number)
        with _locked(folder, number):
            yield folder


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """Open the directory itself, and refuse one that others own or can write."""
    try:
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        why = "it is a link" if folder.is_symlink() else error.strerror
        raise SandboxError(f"cannot use the directory {folder}: {why}", remedy=_OTHER) from error
    try:
        seen = os.fstat(number)
        if seen.st_uid != os.geteuid():
            raise SandboxError(f"the directory {folder} belongs to another user", remedy=_OTHER)
        if seen.st_mode & 0o022:
            raise SandboxError(
                f"others can write into the directory {folder}",
                remedy=f"`chmod go-w {folder}`, or {_OTHER}",
            )
        yield number
    finally:
        os.close(number)


def _refuse_links(folder: Path, number: int) -> None:
    """Look at all that the sandbox opens again, by descriptor and through no link."""
    for place, folders, files, inner in os.fwalk(".", dir_fd=number, follow_symlinks=False):
        if place == ".":
            folders[:] = [name for name in folders if name not in _OF_JOBS or _is_odd(name, inner)]
        for name in (*folders, *files):
            if _is_odd(name, inner):
                raise SandboxError(
                    f"{folder / place / name} is a link, or another user's", remedy=_OTHER
                )


def _is_odd(name: str, folder: int) -> bool:
    seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
    return stat.S_ISLNK(seen.st_mode) or seen.st_uid != os.geteuid()


@contextlib.contextmanager
def _locked(folder: Path, number: int) -> Iterator[None]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    lock = os.open("lock", flags, 0o600, dir_fd=number)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise SandboxError(
            f"another sandbox runs in {folder}", remedy="choose another --state"
        ) from error
    try:
        yield
    finally:
        os.close(lock)
