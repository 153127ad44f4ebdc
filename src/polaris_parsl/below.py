"""What lies below a directory that others may write, too: reached by descriptor, never through a link.

Somebody who may write a prefix can put a link in the place of any directory or file of it,
at any moment. A path would lead through that link; here each part is opened within the one
above, and a link is refused. Only `top`, which the user has named, may itself be one. This is
the one module of env/ that changes modes and owners, or deletes trees (tests/lint/test_lint.py).
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from polaris_parsl.errors import PrefixError
from polaris_parsl.files import read_regular

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@contextmanager
def opened(top: Path, folder: Path) -> Iterator[int]:
    """The descriptor of a directory, to be given as `dir_fd` with names that have one part.

    Args:
        top: a directory that the user has named.
        folder: the same, or a directory below it.

    Raises:
        PrefixError: a part below `top` is a link.
        OSError: there is no such directory, or it cannot be opened.
    """
    number = os.open(top, _FOLDER)
    try:
        place = top
        for name in folder.relative_to(top).parts:
            place = place / name
            inner = _inner(number, name, place)
            os.close(number)
            number = inner
        yield number
    finally:
        os.close(number)


def _inner(number: int, name: str, place: Path) -> int:
    if name == os.pardir:
        raise PrefixError(f"{place} leads upwards", remedy="name a directory without ..")
    try:
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=number)
    except OSError as error:
        # where a link is not followed, the kernel says that it is no directory
        if is_link(number, name):
            raise link_refused(place) from None
        raise OSError(error.errno, error.strerror, str(place)) from None


def link_refused(place: Path) -> PrefixError:
    """The refusal of a link, with what to do."""
    return PrefixError(
        f"{place} is a link, and nothing in a prefix is reached through one",
        remedy="ask whoever can write there who made it (`ls -ld`), then put the directory back "
        "in its place",
    )


@contextmanager
def new_folder(folder: int, place: Path) -> Iterator[Path]:
    """Make a directory that only we may enter, and reach it by its descriptor, also in other programs.

    Whoever may write the directory above can put another one in its place at any moment; what is
    written below the path that we give still goes to ours.

    Args:
        folder: descriptor of the directory above.
        place: where it is made, for its name and for messages.

    Yields:
        A path of it, as long as this process lives: `/proc/PID/fd/NUMBER`.

    Raises:
        PrefixError: somebody put another one in its place at once.
        OSError: it cannot be made.
    """
    os.mkdir(place.name, 0o700, dir_fd=folder)
    number = _inner(folder, place.name, place)
    try:
        found = os.fstat(number)
        if found.st_uid != os.geteuid() or found.st_mode & 0o077 or names(number):
            raise swapped(place)
        # in a process namespace /proc may be that of another, in which our number is not getpid()
        yield Path("/proc", Path("/proc/self").readlink(), "fd", str(number))
    finally:
        os.close(number)


def is_same(folder: int, name: str, path: Path) -> bool:
    """Whether a name in an open directory is that of the file or directory that a path leads to."""
    found = status(folder, name)
    return found is not None and os.path.samestat(found, path.stat())


def swapped(place: Path) -> PrefixError:
    """The refusal of what somebody has put in the place of ours."""
    return PrefixError(
        f"somebody put another directory in the place of {place} while it was made",
        remedy="ask who can write the directory above (`ls -ld`), then give the command again",
    )


def names(folder: int) -> list[str]:
    """The names in an open directory."""
    return os.listdir(folder)


def status(folder: int, name: str) -> os.stat_result | None:
    """What lies under a name, itself and not what it points to; None if nothing does."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def is_link(folder: int, name: str) -> bool:
    """Whether a name is that of a link."""
    found = status(folder, name)
    return found is not None and stat.S_ISLNK(found.st_mode)


def is_folder(folder: int, name: str) -> bool:
    """Whether a name is that of a directory, and not of a link to one."""
    found = status(folder, name)
    return found is not None and stat.S_ISDIR(found.st_mode)


def change(folder: int, name: str, *, mode: int, group: int | None = None) -> None:
    """Change mode and, if one is given, group of a file or directory; a link keeps its mode.

    Raises:
        OSError: it is not ours, or cannot be opened.
    """
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        if group not in {None, found.st_gid}:
            os.chown(name, -1, group or 0, dir_fd=folder, follow_symlinks=False)
        return
    number = os.open(name, _FILE, dir_fd=folder)
    try:
        change_opened(number, mode=mode, group=group)
    finally:
        os.close(number)


def change_opened(number: int, *, mode: int, group: int | None = None) -> None:
    """The same for what a descriptor stands for.

    Raises:
        OSError: it is not ours.
    """
    if group not in {None, os.fstat(number).st_gid}:
        os.fchown(number, -1, group or 0)
    # a change of the group may have taken the setgid bit
    if stat.S_IMODE(os.fstat(number).st_mode) != mode:
        os.fchmod(number, mode)


def let_read(folder: Path) -> None:
    """Let everybody read a directory that we have made, and nobody else write it.

    Raises:
        OSError: it is not ours.
    """
    with opened(folder, folder) as number:
        # an inherited setgid bit is the project's way to count its quota
        change_opened(number, mode=0o755 | os.fstat(number).st_mode & stat.S_ISGID)


def change_path(path: Path, mode: int) -> None:
    """Change the mode of a file that this process has just made.

    Raises:
        OSError: it cannot be changed.
    """
    with opened(path.parent, path.parent) as folder:
        change(folder, path.name, mode=mode)


def walk(folder: int, name: str) -> Iterator[tuple[list[str], int]]:
    """The directories of a tree, the highest first: names of the files in it, and its descriptor."""
    if is_folder(folder, name):
        # whose highest directory may be closed to us
        with suppress(OSError):
            for _, _, files, inner in os.fwalk(name, dir_fd=folder, follow_symlinks=False):
                yield files, inner


def remove(folder: int, name: str) -> None:
    """Remove a file, a link, or a tree, read-only or not; what belongs to somebody else stays."""
    found = status(folder, name)
    if found is None:
        return
    if not stat.S_ISDIR(found.st_mode):
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)
        return
    for _, inner in walk(folder, name):
        with suppress(OSError):
            os.fchmod(inner, 0o700)
    # by descriptor too: what becomes a link meanwhile is not followed
    import shutil  # noqa: PLC0415 - commands that only look need none

    shutil.rmtree(name, ignore_errors=True, dir_fd=folder)


def remove_path(path: Path) -> None:
    """The same by a path, whose directory may be reached through links."""
    with suppress(OSError), opened(path.parent, path.parent) as folder:
        remove(folder, path.name)


def write(folder: int, name: str, text: str, *, mode: int) -> None:
    """Write a new file, and have it on the disk, whatever the umask.

    Raises:
        OSError: it cannot be written, or the name is taken.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    number = os.open(name, flags, mode, dir_fd=folder)
    with os.fdopen(number, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(text)
        os.fchmod(number, mode)
        stream.flush()
        os.fsync(number)


def read(folder: int, name: str, *, most_bytes: int) -> bytes:
    """Read a regular file that somebody else may have put there.

    Raises:
        OSError: it cannot be opened, is a link, is not a regular file, or is larger.
    """
    return read_regular(Path(name), most_bytes=most_bytes, through_link=False, folder=folder)
