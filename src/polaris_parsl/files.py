"""Files: where those that ship beside the package lie, the digest of any, reading those of others.

environment.yml, the locks and the modulefile templates stand at the top of the
source tree, where people look for them. A wheel carries them in `_dist/`.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

from polaris_parsl.errors import MissingToolError
from polaris_parsl.version import NAME

_PACKAGE = Path(__file__).resolve().parent
_DIST = _PACKAGE / "_dist"
_CHECKOUT = _PACKAGE.parent.parent
# at the most, in UTF-8
_BYTES_OF_A_CHARACTER = 4


def shipped(name: str) -> Path:
    """Path of a shipped file or folder, for instance "overlay.lock" or "modulefiles".

    Raises:
        FileNotFoundError: neither the wheel nor the source tree holds it.
    """
    for root in (_DIST, _CHECKOUT):
        path = root / name
        if path.exists():
            return path
    raise FileNotFoundError(f"{name} is neither in {_DIST} nor in {_CHECKOUT}")


def checkout() -> Path | None:
    """The source tree that this package runs from; None if it was installed from a wheel."""
    return _CHECKOUT if (_CHECKOUT / "pyproject.toml").is_file() else None


def source_tree(verb: str) -> Path:
    """The source tree that this package runs from.

    Args:
        verb: of the command line, which needs it.

    Raises:
        MissingToolError: the package was installed from a wheel.
    """
    tree = checkout()
    if tree is None:
        raise MissingToolError(
            f"`{NAME} {verb}` needs the source tree of {NAME}; this is an installed command",
            remedy=f"run it in the source tree: python3 scripts/bootstrap.py {verb}",
        )
    return tree


def is_there(path: Path) -> bool:
    """Whether a path exists and this user can see it."""
    try:
        return path.exists()
    except PermissionError:
        return False


def oldest_first(paths: Iterable[Path]) -> list[Path]:
    """Paths by their age; left out is what another process removes meanwhile."""
    found = []
    for each in paths:
        with suppress(FileNotFoundError):
            found.append((each.stat().st_mtime_ns, each))
    return [each for _, each in sorted(found)]


def digest(path: Path) -> str:
    """sha256 of a file, in hexadecimal; a pipe or a device never blocks.

    Raises:
        OSError: it cannot be opened, or is not a regular file.
    """
    import hashlib  # noqa: PLC0415 - it takes its time, and few commands need it

    with regular(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_regular(
    path: Path, *, most_bytes: int, through_link: bool = True, folder: int | None = None
) -> bytes:
    """Read a file that somebody else may have made; a pipe or a device never blocks.

    Args:
        path: the file.
        most_bytes: a larger one is refused.
        through_link: whether it may be a link.
        folder: descriptor of the directory that a relative path starts from; None takes the
            working directory.

    Raises:
        OSError: it cannot be opened, is not a regular file, or is larger.
    """
    with regular(path, through_link=through_link, folder=folder) as stream:
        content = stream.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"it has more than {most_bytes} bytes", str(path))
    return content


def end_of(path: Path, *, characters: int) -> str:
    """The last characters of a text that somebody else may have made, however long it is.

    Raises:
        OSError: it cannot be opened, or is not a regular file.
    """
    with regular(path) as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - characters * _BYTES_OF_A_CHARACTER))
        return stream.read().decode(errors="replace").strip()[-characters:]


@contextmanager
def regular(
    path: Path, *, through_link: bool = True, folder: int | None = None
) -> Iterator[BufferedReader]:
    """Open a file that somebody else may have made, as `read_regular` does.

    Raises:
        OSError: it cannot be opened, or is not a regular file.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    number = os.open(path, flags if through_link else flags | os.O_NOFOLLOW, dir_fd=folder)
    with os.fdopen(number, "rb") as stream:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        yield stream


def walk(folder: Path) -> list[tuple[str, "os.DirEntry[str]"]]:
    """Everything below a directory by its path there, in the order of paths; no link is followed.

    For trees of thousands of files: it asks the system for nothing but the lists of directories.
    """
    found, waiting = [], [("", os.fspath(folder))]
    while waiting:
        above, place = waiting.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                name = f"{above}{entry.name}"
                found.append((name, entry))
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((f"{name}/", entry.path))
    return sorted(found, key=lambda each: each[0].split("/"))
