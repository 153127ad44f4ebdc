"""Checks of paths that go into job scripts: what PBS or the shell would misread is refused."""

import re
import stat
from pathlib import Path
from typing import Any

from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.checks import start_of

# PBS cuts the path behind -o at a colon, and Parsl writes paths into shell text without quotes.
_PATH = re.compile(r"/[A-Za-z0-9_./@%+=,-]*")
# Inside single quotes in a here document, and in a str.format template of Parsl's.
_QUOTABLE_PATH = re.compile(r"/[^$`\\{}'\x00-\x1f]*")


def run_dir(name: str, value: Any) -> Path:
    """A directory, made absolute. Characters that break PBS or the shell are refused."""
    if not isinstance(value, str | Path) or not str(value):
        raise OptionError(f"{name}={value!r} is not a path", remedy='give one, such as "runinfo"')
    try:
        folder = Path(value).expanduser().absolute()
    except RuntimeError as error:  # of expanduser
        raise OptionError(
            f"{name}={str(value)!r} names a home directory that is not known: {error}",
            remedy="give the path in full",
        ) from error
    if not _PATH.fullmatch(str(folder)):
        raise OptionError(
            f"{name} is {str(folder)!r}: PBS or the shell would misread a character in it",
            remedy="use a path of letters, digits and . _ / @ % + = , - only",
        )
    _refuse_below_a_file(name, folder)
    return folder


def start_dir(name: str, value: Any) -> Path:
    """A directory that is there, made absolute; otherwise as run_dir."""
    folder = run_dir(name, value)
    if not folder.is_dir():
        raise OptionError(f"{name} is {str(folder)!r}, which is not there", remedy="make it first")
    return folder


def _refuse_below_a_file(name: str, folder: Path) -> None:
    """Refuse a path that is taken by a file, or too long for files in it."""
    longest = Path(folder, "n" * polaris().pbs_name_length_max)
    try:
        nearest, mode = _nearest(longest)
    except OSError as error:
        raise OptionError(
            f"{name} is {start_of(str(folder))}, where no files can be made: {error.strerror}",
            remedy="give a shorter path, of a directory that you can enter",
        ) from error
    if not stat.S_ISDIR(mode):
        raise OptionError(
            f"{name} is {str(folder)!r}, but {nearest} is a file",
            remedy="give a directory, or the path of one that is to be made",
        )


def _nearest(path: Path) -> tuple[Path, int]:
    """Of a path and those above it, the nearest that is there, with its mode."""
    for place in (path, *path.parents):
        try:
            return place, place.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue
    raise AssertionError("the root is always there")


def interpreter(value: Path) -> Path:
    """The absolute path of a Python; blanks are no harm, Parsl's templates are."""
    if not _QUOTABLE_PATH.fullmatch(str(value)):
        raise OptionError(
            f"the interpreter {str(value)!r} has a character in its path that Parsl's job script "
            "would misread",
            remedy="use a prefix or directory with none of $ ` \\ { } ' in its path",
        )
    return value
