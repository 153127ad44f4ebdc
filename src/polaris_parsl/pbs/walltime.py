"""Walltimes: the one place that reads their text, and the one that writes it."""

import re
from datetime import timedelta

# What `write_walltime` writes, up to LONGEST; no job may last longer by far.
WRITTEN = re.compile(r"[0-9]{1,4}:[0-5][0-9]:[0-5][0-9]")
LONGEST = timedelta(hours=9999, minutes=59, seconds=59)
_READ = re.compile(r"([0-9]{1,9}(?::[0-9]{1,9}){0,2})(?:\.[0-9]*)?")


def read_walltime(text: str) -> timedelta:
    """The walltime that PBS reads in a text: H:MM:SS, MM:SS or seconds.

    As PBS does, it takes more than 59 minutes or seconds, and drops a fraction of a second.

    Raises:
        ValueError: PBS would refuse the text.
    """
    found = _READ.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a walltime of PBS")
    seconds = 0
    for part in found[1].split(":"):
        seconds = 60 * seconds + int(part)
    return timedelta(seconds=seconds)


def write_walltime(walltime: timedelta) -> str:
    """A walltime as H:MM:SS, for PBS and for people; a fraction of a second is dropped."""
    seconds = int(walltime.total_seconds())
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def write_seconds(seconds: float) -> str:
    """A length of time in seconds as H:MM:SS."""
    return write_walltime(timedelta(seconds=seconds))


def write_padded_walltime(walltime: timedelta) -> str:
    """A walltime as PBS prints it: HH:MM:SS."""
    return write_walltime(walltime).zfill(len("00:00:00"))
