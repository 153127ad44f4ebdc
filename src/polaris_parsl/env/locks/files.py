"""Reading environment.yml and the locks.

A track is one choice of Python packages, with a lock of its own: `current` is the
list `overlay` of environment.yml, the others stand under `tracks`. They share
conda-lock.yml and the locks of the tools.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from polaris_parsl.errors import LockError

CURRENT = "current"
CONDA_LOCK = "conda-lock.yml"
# Each is solved from the list of its name in pyproject.toml: what an installed command needs,
# what builds an install, what solves the locks.
TOOLS_LOCK, INSTALLER_LOCK, MAINTAINER_LOCK = "tools.lock", "installer.lock", "maintainer.lock"
TOOL_LOCKS = (TOOLS_LOCK, INSTALLER_LOCK, MAINTAINER_LOCK)
# a part of file names, version directories and module names
_TRACK_NAME = re.compile(r"[a-z][a-z0-9]{0,19}")
_RELOCK = "write it anew with `polaris-parsl lock`"


@dataclass(frozen=True)
class Pin:
    """One locked distribution: version, sha256 of each of its files, and where it applies."""

    name: str
    version: str
    marker: Marker | None
    sha256: frozenset[str]

    @property
    def requirement(self) -> str:
        """The pin as a line of a hashed requirements file, wherever it applies."""
        hashes = "".join(f" --hash=sha256:{value}" for value in sorted(self.sha256))
        return f"{self.name}=={self.version}{hashes}"

    def applies(self, environment: Mapping[str, str]) -> bool:
        """Whether an interpreter with these marker variables gets it."""
        return self.marker is None or self.marker.evaluate(dict(environment))


@dataclass(frozen=True)
class CondaPackage:
    """One package of conda-lock.yml, and the names of those that it needs."""

    name: str
    version: str
    url: str
    md5: str
    sha256: str
    needs: tuple[str, ...] = ()

    @property
    def archive(self) -> str:
        """File name of the archive."""
        return self.url.rsplit("/", 1)[-1]


def short_digest(locks: Mapping[str, str]) -> str:
    """Short digest of the locks together, from the digest of each by name."""
    text = "".join(f"{name}:{value}\n" for name, value in sorted(locks.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def release_name(version: str, track: str) -> str:
    """Name of an install's directory and module: the version, and the track if not current."""
    return version if track == CURRENT else f"{version}-{track}"


def overlay_lock(track: str) -> str:
    """Name of the lock of a track."""
    return "overlay.lock" if track == CURRENT else f"overlay-{track}.lock"


def lock_names(environment: Path) -> list[str]:
    """Names of all locks that are solved from an environment.yml."""
    return [CONDA_LOCK, *map(overlay_lock, read_tracks(environment)), *TOOL_LOCKS]


def read_tracks(path: Path) -> dict[str, list[str]]:
    """The Python requirements that a person chose for each track; `current` first.

    Args:
        path: environment.yml.

    Raises:
        LockError: the file is missing, a track has a name that cannot be, or a
            requirement is not an exact pin.
    """
    data = _yaml(path)
    more = data.get("tracks") or {}
    if not isinstance(more, dict):
        raise LockError(
            f"`tracks` in {path} is not a mapping", remedy="write NAME: [PACKAGE==VERSION]"
        )
    for name in more:
        if not _TRACK_NAME.fullmatch(str(name)) or name == CURRENT:
            raise LockError(
                f"{path} has a track named {name!r}",
                remedy=f"take at most 20 small letters and digits, other than {CURRENT!r}",
            )
    return {
        CURRENT: _pins(data.get("overlay"), "overlay", path),
        **{name: _pins(wanted, f"tracks: {name}", path) for name, wanted in more.items()},
    }


def track_requirements(path: Path, track: str) -> list[str]:
    """The Python requirements of one track.

    Raises:
        LockError: there is no such track, or as read_tracks.
    """
    tracks = read_tracks(path)
    if track not in tracks:
        raise LockError(
            f"there is no track {track!r}; there are: {', '.join(tracks)}",
            remedy=f"choose one of them, or add it to {path.name} and lock again",
        )
    return tracks[track]


def read_requirements(path: Path) -> dict[str, Pin]:
    """The pins of an overlay's or the tools' lock by normalised name.

    Raises:
        LockError: the file is missing, or has an entry without exact version or sha256.
    """
    pins = {}
    for line in _text(path).replace("\\\n", " ").splitlines():
        entry = line.split("#", 1)[0] if line.lstrip().startswith("#") else line
        if not entry.strip():
            continue
        requirement, *hashes = entry.split("--hash=")
        pin = _pin(requirement.strip(), [word.strip() for word in hashes], path)
        pins[pin.name] = pin
    if not pins:
        raise LockError(f"{path} locks nothing", remedy=_RELOCK)
    return pins


def read_conda(path: Path) -> list[CondaPackage]:
    """The conda packages of conda-lock.yml, for linux-64.

    Raises:
        LockError: the file is missing, malformed, or has a package without sha256.
    """
    entries = _yaml(path).get("package")
    if not isinstance(entries, list) or not entries:
        raise LockError(f"{path} locks no package", remedy=_RELOCK)
    try:
        return [
            CondaPackage(
                entry["name"],
                str(entry["version"]),
                entry["url"],
                entry["hash"]["md5"],
                entry["hash"]["sha256"],
                tuple(entry.get("dependencies") or ()),
            )
            for entry in entries
            if entry["manager"] == "conda" and entry["platform"] == "linux-64"
        ]
    except (KeyError, TypeError) as error:
        raise LockError(f"{path} has a package without {error}", remedy=_RELOCK) from error


def _pins(wanted: object, where: str, path: Path) -> list[str]:
    if not isinstance(wanted, list) or not wanted:
        raise LockError(
            f"{path} has no list `{where}` of Python requirements",
            remedy=f"add one, for instance `{where}: [parsl==VERSION]`",
        )
    for text in wanted:
        _exact(str(text), path)
    return [str(text) for text in wanted]


def _pin(requirement: str, hashes: list[str], path: Path) -> Pin:
    name, version, marker = _exact(requirement, path)
    sha256 = frozenset(word.removeprefix("sha256:") for word in hashes)
    if not sha256 or any(not word.startswith("sha256:") for word in hashes):
        raise LockError(f"{requirement} in {path} has no sha256", remedy=_RELOCK)
    return Pin(name, version, marker, sha256)


def _exact(text: str, path: Path) -> tuple[str, str, Marker | None]:
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise LockError(f"{path} has no requirement in {text!r}: {error}", remedy=_RELOCK) from None
    pins = [clause.version for clause in requirement.specifier if clause.operator == "=="]
    if len(requirement.specifier) != 1 or not pins or pins[0].endswith(".*"):
        raise LockError(
            f"{text!r} in {path} is not pinned to one version", remedy="write NAME==VERSION"
        )
    return canonicalize_name(requirement.name), pins[0], requirement.marker


def _yaml(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(_text(path))
    except yaml.YAMLError as error:
        raise LockError(f"{path} is not YAML: {error}", remedy="correct it") from error
    if not isinstance(data, dict):
        raise LockError(f"{path} is not a mapping", remedy="correct it")
    return data


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LockError(f"cannot read {path}: {error}", remedy=_RELOCK) from error
