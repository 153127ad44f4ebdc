"""Names of tracks and of installs: parts of paths, files and modules."""

import re

from packaging.version import InvalidVersion, Version

CURRENT = "current"
# a part of file names, version directories and module names
TRACK_NAME = re.compile(r"[a-z][a-z0-9]{0,19}")
_VERSION = re.compile(r"[0-9][0-9a-zA-Z.+]{0,63}")


def release_name(version: str, track: str, label: str = "") -> str:
    """Name of an install's directory and module: the version, and the track if not current.

    Args:
        version: of polaris-parsl.
        track: which choice of Python packages.
        label: tells an install on another base from the first one of this version.
    """
    name = f"{version}+{label}" if label else version
    return name if track == CURRENT else f"{name}-{track}"


def is_release_name(name: object) -> bool:
    """Whether something is the name of an install: one part of a path, a version, perhaps a track.

    What another user may have written is looked at with this before it becomes a part of a path.
    """
    if not isinstance(name, str):
        return False
    version, dash, track = name.partition("-")
    if not _VERSION.fullmatch(version) or (dash and not TRACK_NAME.fullmatch(track)):
        return False
    try:
        return bool(Version(version))
    except InvalidVersion:
        return False
