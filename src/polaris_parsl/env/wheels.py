"""Wheels: our own, built from the source tree, and the locked ones, fetched by the base's pip."""

import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name, parse_wheel_filename

from polaris_parsl.env.base import Base
from polaris_parsl.env.locks import Pin, digest, read_requirements
from polaris_parsl.env.variables import for_python
from polaris_parsl.errors import LockError, MissingToolError
from polaris_parsl.process import run


@dataclass(frozen=True)
class Wheel:
    """A wheel on disk, with the sha256 of its bytes."""

    name: str
    version: str
    path: Path
    sha256: str

    @property
    def requirement(self) -> str:
        """The wheel as a line of a hashed requirements file."""
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"


def build_own(source: Path, folder: Path, *, env: Mapping[str, str]) -> Wheel:
    """Build the wheel of polaris_parsl from a source tree; the same source, the same bytes.

    Raises:
        MissingToolError: hatchling is missing, or refuses the source tree.
    """
    command: list[str | Path] = [sys.executable, "-m", "hatchling", "build"]
    command += ["-t", "wheel", "-d", folder]
    done = run(command, cwd=source, env={**for_python(env), "SOURCE_DATE_EPOCH": "1577836800"})
    built = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or len(built) != 1:
        raise MissingToolError(
            f"hatchling built no wheel from {source}:\n    {done.stderr.strip()[-800:]}",
            remedy="start this command with scripts/install.sh, in a complete source tree",
        )
    return _wheel(built[0])


def fetch(
    lock: Path, base: Base, *, cache: Path, scratch: Path, env: Mapping[str, str]
) -> dict[str, Wheel]:
    """The wheels that a lock names for a base, by normalised name; each checked against the lock.

    They are kept in the cache, so that the next install needs no network. pip
    fetches them with the settings of the user (index, proxy, certificate).

    Args:
        lock: overlay.lock or tools.lock.
        base: whose pip fetches, and for whose interpreter.
        cache: directory of the user for wheels; made where it is missing.
        scratch: temporary directory.
        env: environment variables.

    Raises:
        LockError: a wheel is not the one that the lock names, or cannot be had.
    """
    pins = {name: pin for name, pin in read_requirements(lock).items() if pin.applies(base.markers)}
    kept = cache / f"{base.cache_tag}-{digest(lock)[:16]}"
    if wheels := _read_cache(kept, pins):
        return wheels
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        _download(lock, base, Path(folder), env=env)
        wheels = _check(Path(folder), pins, lock)
        if wheels.keys() != pins.keys():
            lacking = ", ".join(sorted(pins.keys() - wheels.keys()))
            raise LockError(f"no wheel was fetched of: {lacking}", remedy="lock again")
        _keep(Path(folder), kept)
    return _check(kept, pins, lock)


def _download(lock: Path, base: Base, folder: Path, *, env: Mapping[str, str]) -> None:
    command: list[str | Path] = [base.executable, "-m", "pip", "download", "--quiet"]
    command += ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command += ["--progress-bar", "off", "-r", lock, "-d", folder]
    done = run(command, env=for_python(env), cwd=folder)
    if done.returncode == 0:
        return
    told = "\n    ".join((done.stdout + done.stderr).strip().splitlines()[-15:])
    if "DO NOT MATCH THE HASHES" in done.stderr:
        raise LockError(
            f"a wheel is not the one that {lock.name} names:\n    {told}",
            remedy=f"do not install it; look at your index, or take {lock.name} from a release",
        )
    raise LockError(
        f"pip could not fetch the wheels of {lock.name}:\n    {told}",
        remedy="set the site's proxy (https_proxy) or pip's index (PIP_INDEX_URL)",
    )


def _check(folder: Path, pins: Mapping[str, Pin], lock: Path) -> dict[str, Wheel]:
    wheels = {}
    for path in sorted(folder.iterdir()):
        wheel = _wheel(path)
        pin = pins.get(wheel.name)
        if pin is None or pin.version != wheel.version or wheel.sha256 not in pin.sha256:
            raise LockError(
                f"{path.name} with sha256 {wheel.sha256} is not in {lock.name}",
                remedy=f"remove {folder} and install again",
            )
        wheels[wheel.name] = wheel
    return wheels


def _read_cache(folder: Path, pins: Mapping[str, Pin]) -> dict[str, Wheel]:
    """The wheels of a cache folder; none at all where one is missing, damaged or too many."""
    if not folder.is_dir():
        return {}
    try:
        wheels = _check(folder, pins, folder)
    except (LockError, ValueError, OSError):
        wheels = {}
    return wheels if wheels.keys() == pins.keys() else {}


def _keep(folder: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=".staging-", dir=target.parent))
    try:
        shutil.copytree(folder, staged, dirs_exist_ok=True)
        if target.exists():
            shutil.rmtree(target)
        staged.rename(target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _wheel(path: Path) -> Wheel:
    name, version, _, _ = parse_wheel_filename(path.name)
    return Wheel(canonicalize_name(name), str(version), path, digest(path))
