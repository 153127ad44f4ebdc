"""Reading environment.yml and the three locks."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from polaris_parsl.errors import LockError

LOCKS = ("conda-lock.yml", "overlay.lock", "tools.lock")
_RELOCK = "write it anew with `polaris-parsl lock`"


@dataclass(frozen=True)
class Pin:
    """One locked distribution: version, sha256 of each of its files, and where it applies."""

    name: str
    version: str
    marker: Marker | None
    sha256: frozenset[str]

    def applies(self, environment: Mapping[str, str]) -> bool:
        """Whether an interpreter with these marker variables gets it."""
        return self.marker is None or self.marker.evaluate(dict(environment))


@dataclass(frozen=True)
class CondaPackage:
    """One package of conda-lock.yml."""

    name: str
    version: str
    url: str
    md5: str
    sha256: str

    @property
    def archive(self) -> str:
        """File name of the archive."""
        return self.url.rsplit("/", 1)[-1]


def digest(path: Path) -> str:
    """sha256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def overlay_requirements(path: Path) -> list[str]:
    """The Python requirements that a person chose: `overlay` of environment.yml.

    Raises:
        LockError: the file is missing, or one of them is no exact pin.
    """
    wanted = _yaml(path).get("overlay")
    if not isinstance(wanted, list) or not wanted:
        raise LockError(
            f"{path} has no list `overlay` of Python requirements",
            remedy="add one, for instance `overlay: [parsl==VERSION]`",
        )
    for text in wanted:
        _exact(str(text), path)
    return [str(text) for text in wanted]


def read_requirements(path: Path) -> dict[str, Pin]:
    """The pins of overlay.lock or tools.lock by normalised name.

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
            )
            for entry in entries
            if entry["manager"] == "conda" and entry["platform"] == "linux-64"
        ]
    except (KeyError, TypeError) as error:
        raise LockError(f"{path} has a package without {error}", remedy=_RELOCK) from error


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
    except OSError as error:
        raise LockError(f"cannot read {path}: {error.strerror}", remedy=_RELOCK) from error
