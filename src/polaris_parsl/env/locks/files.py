"""Reading the environment files and the locks.

A track is one choice of Python packages, with a lock of its own: `current` is the
`pip:` section of environment.yml, any other that of its environment-TRACK.yml. They share
conda-lock.yml and the locks of the tools.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from polaris_parsl.env.release_names import CURRENT, TRACK_NAME
from polaris_parsl.errors import LockError

ENVIRONMENT = "environment.yml"
CONDA_LOCK = "conda-lock.yml"
# Each is solved from the list of its name in pyproject.toml: what an installed command needs,
# what builds an install, what solves the locks.
TOOLS_LOCK, INSTALLER_LOCK, MAINTAINER_LOCK = "tools.lock", "installer.lock", "maintainer.lock"
TOOL_LOCKS = (TOOLS_LOCK, INSTALLER_LOCK, MAINTAINER_LOCK)
_RELOCK = "write it anew with `polaris-parsl lock`"
# what a conda-lock.yml says of its form, and the one platform that it must be for
_CONDA_FORMAT, PLATFORM = 1, "linux-64"
# the one in C, where there is one, takes a tenth of the time
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OLDEST = re.compile(r">=\s*(\d+(?:\.\d+)*)")


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
    """One package of conda-lock.yml.

    Attributes:
        needs: names of the packages that it needs.
        glibc: the oldest C library that it runs with; "" for any.
    """

    name: str
    version: str
    url: str
    md5: str
    sha256: str
    needs: tuple[str, ...] = ()
    glibc: str = ""

    @property
    def archive(self) -> str:
        """File name of the archive."""
        return self.url.rsplit("/", 1)[-1]


def markers_of(python: str) -> dict[str, str]:
    """The variables of environment markers of a CPython on linux x86-64, by its full version."""
    return {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": python,
        "python_version": ".".join(python.split(".")[:2]),
        "sys_platform": "linux",
    }


def overlay_lock(track: str) -> str:
    """Name of the lock of a track."""
    return "overlay.lock" if track == CURRENT else f"overlay-{track}.lock"


def lock_names(environment: Path) -> list[str]:
    """Names of all locks that are solved from an environment.yml."""
    return [CONDA_LOCK, *map(overlay_lock, read_tracks(environment)), *TOOL_LOCKS]


def environment_name(track: str) -> str:
    """Name of the environment file of a track."""
    return ENVIRONMENT if track == CURRENT else f"environment-{track}.yml"


def read_tracks(path: Path) -> dict[str, list[str]]:
    """The Python requirements that a person chose for each track; `current` first.

    Args:
        path: environment.yml; the files of the other tracks lie beside it.

    Raises:
        LockError: a file is missing or malformed, a track has a name that cannot be, or a
            requirement is not an exact pin.
    """
    tracks = {CURRENT: _pins(path)}
    for other in sorted(path.parent.glob("environment-*.yml")):
        name = other.stem.removeprefix("environment-")
        if not TRACK_NAME.fullmatch(name) or name == CURRENT:
            raise LockError(
                f"{other} is of a track named {name!r}",
                remedy=f"take at most 20 small letters and digits, other than {CURRENT!r}",
            )
        tracks[name] = _pins(other)
    return tracks


def read_conda_part(path: Path) -> list[str]:
    """What an environment file wants of conda, as it stands there.

    Raises:
        LockError: it is missing or malformed.
    """
    return [str(each) for each in _dependencies(path) if not isinstance(each, dict)]


def track_requirements(path: Path, track: str) -> list[str]:
    """The Python requirements of one track.

    Raises:
        LockError: there is no such track, or as read_tracks.
    """
    tracks = read_tracks(path)
    if track not in tracks:
        raise LockError(
            f"there is no track {track!r}; there are: {', '.join(tracks)}",
            remedy=f"choose one of them, or add {environment_name('NAME')} and lock again",
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
        LockError: the file is missing, malformed, of another form or platform, or has a package
            without sha256.
    """
    return [
        CondaPackage(
            entry["name"],
            str(entry["version"]),
            entry["url"],
            entry["hash"]["md5"],
            entry["hash"]["sha256"],
            tuple(entry.get("dependencies") or ()),
            _oldest_glibc(entry),
        )
        for entry in _locked(path, "conda", ("md5", "sha256"))
    ]


def read_conda_pip(path: Path) -> dict[str, Pin]:
    """The Python packages of conda-lock.yml, by normalised name; each is one wheel.

    Raises:
        LockError: as read_conda.
    """
    return {
        (name := canonicalize_name(entry["name"])): Pin(
            name, str(entry["version"]), None, frozenset({entry["hash"]["sha256"]})
        )
        for entry in _locked(path, "pip", ("sha256",))
    }


def parallel_packages(path: Path) -> list[CondaPackage]:
    """GNU Parallel and what it needs, of a conda-lock.yml: all that an install on a base takes of it."""
    return closure(read_conda(path), ["parallel"])


def base_packages(path: Path) -> list[CondaPackage]:
    """The locked base of a conda-lock.yml: Python and pip, and what they need."""
    return closure(read_conda(path), ["python", "pip"])


def closure(packages: Sequence[CondaPackage], roots: Iterable[str]) -> list[CondaPackage]:
    """These packages and all that they need, in the order of the lock.

    Raises:
        LockError: one is not locked.
    """
    known = {each.name: each for each in packages}
    needed, waiting = set(), [*roots]
    while waiting:
        name = waiting.pop()
        # what begins so stands for the machine: __glibc
        if name in needed or name.startswith("__"):
            continue
        if name not in known:
            raise LockError(f"{CONDA_LOCK} does not lock {name}", remedy=_RELOCK)
        needed.add(name)
        waiting += known[name].needs
    return [each for each in packages if each.name in needed]


def _locked(path: Path, manager: str, hashes: Sequence[str]) -> list[dict[str, Any]]:
    data = _yaml(path)
    if data.get("version") != _CONDA_FORMAT:
        raise LockError(
            f"{path} has the form {data.get('version')!r} of conda-lock; this polaris-parsl reads "
            f"form {_CONDA_FORMAT}",
            remedy="write it with conda-lock 4: `polaris-parsl lock`",
        )
    entries = data.get("package")
    if not isinstance(entries, list) or not entries:
        raise LockError(f"{path} locks no package", remedy=_RELOCK)
    try:
        platforms = sorted({entry["platform"] for entry in entries})
        for entry in entries:
            _ = entry["name"], entry["version"], entry["url"], entry["manager"]
        found = [
            entry
            for entry in entries
            if entry["manager"] == manager and entry["platform"] == PLATFORM
        ]
        for entry in found:
            _ = [entry["hash"][name] for name in hashes]
    except (KeyError, TypeError) as error:
        raise LockError(f"{path} has a package without {error}", remedy=_RELOCK) from error
    if PLATFORM not in platforms:
        raise LockError(f"{path} is for {', '.join(platforms)}, not for {PLATFORM}", remedy=_RELOCK)
    return found


def _oldest_glibc(entry: Mapping[str, Any]) -> str:
    found = _OLDEST.search(str((entry.get("dependencies") or {}).get("__glibc", "")))
    return found[1] if found else ""


def _dependencies(path: Path) -> list[Any]:
    wanted = _yaml(path).get("dependencies")
    if not isinstance(wanted, list) or not wanted:
        raise LockError(
            f"{path} has no list `dependencies`", remedy="write it as a conda environment"
        )
    return wanted


def _pins(path: Path) -> list[str]:
    sections = [each.get("pip") for each in _dependencies(path) if isinstance(each, dict)]
    if len(sections) != 1 or not isinstance(sections[0], list) or not sections[0]:
        raise LockError(
            f"{path} has no section `pip:` of Python requirements among its dependencies",
            remedy="add one, for instance `- pip: [parsl==VERSION]`",
        )
    for text in sections[0]:
        _exact(str(text), path)
    return [str(text) for text in sections[0]]


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
        data = yaml.load(_text(path), _LOADER)
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
