"""The wheels that locks name: fetched by the base's pip, or from a wheelhouse."""

import errno
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from polaris_parsl import below
from polaris_parsl.env.base.choice import Base
from polaris_parsl.env.locks.files import Pin, read_requirements
from polaris_parsl.env.network import log_site_proxy, no_proxy_for_loopback, site_proxy
from polaris_parsl.env.variables import for_python
from polaris_parsl.errors import LockError
from polaris_parsl.files import digest
from polaris_parsl.installs import STAGING
from polaris_parsl.process import WORK_SECONDS, run
from polaris_parsl.text import without_passwords

# The newest wheels that glibc 2.28 (of 2018) and later can load, on whatever machine pip runs:
# where its own glibc is newer, pip might choose others, and an install would differ.
PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)),
    "manylinux2014_x86_64",
    "linux_x86_64",
)

# beside the cache of wheels; bootstrap.py has the same
PIP_CACHE = "pip"
# how pip says so
_WRONG_HASH = "DO NOT MATCH THE HASHES"


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


def read_wheel(path: Path) -> Wheel:
    """A wheel on disk, by what its file name says."""
    name, version, _, _ = parse_wheel_filename(path.name)
    return Wheel(canonicalize_name(name), str(version), path, digest(path))


def fetch(
    lock: Path,
    *,
    base: Base,
    cache: Path,
    scratch: Path,
    env: Mapping[str, str],
    wheelhouse: Path | None = None,
) -> dict[str, Wheel]:
    """The wheels that a lock names for a base, by normalised name; each checked against the lock.

    They are kept in the cache, so that the next install needs no network. pip
    fetches them with the settings of the user (index, proxy, certificate).

    Args:
        lock: an overlay lock or tools.lock.
        base: whose pip fetches, and for whose interpreter.
        cache: directory of the user for wheels; made where it is missing.
        scratch: temporary directory; wheels of a wheelhouse are copied into it.
        env: environment variables.
        wheelhouse: directory with wheels to take in the place of index and cache.

    Raises:
        LockError: a wheel is not the one that the lock names, or cannot be had.
    """
    pins = {name: pin for name, pin in read_requirements(lock).items() if pin.applies(base.markers)}
    if wheelhouse:
        folder = scratch / f"{lock.name}.wheels"
        folder.mkdir()
        for path in _chosen(wheelhouse, pins, base):
            shutil.copyfile(path, folder / path.name)
        return _check(folder, pins, lock)
    kept = _place(cache, base.cache_tag, lock)
    if wheels := _read_cache(kept, pins):
        return wheels
    # pip keeps what has arrived whole, also when it is stopped, and whatever the user's settings
    options = ["--cache-dir", str(cache.with_name(PIP_CACHE))]
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        download(lock, Path(name), python=base.executable, options=options, env=for_python(env))
        _check(Path(name), pins, lock)
        # another install may have kept the same meanwhile, and go on to use it
        if not _read_cache(kept, pins):
            _keep(Path(name), kept)
    return _check(kept, pins, lock)


def _chosen(wheelhouse: Path, pins: Mapping[str, Pin], base: Base) -> Collection[Path]:
    """Of each locked package the wheel that pip would take from a directory: the best that the base can load."""
    places = {tag: place for place, tag in enumerate(_tags(base))}
    found: dict[str, tuple[int, Path]] = {}
    for path in wheelhouse.glob("*.whl"):
        with suppress(InvalidWheelFilename):
            name, version, _, tags = parse_wheel_filename(path.name)
            pin, fits = pins.get(name), [places[tag] for tag in tags & places.keys()]
            if pin and pin.version == str(version) and fits:
                found[name] = min((min(fits), path), found.get(name, (len(places), path)))
    if lacking := sorted(pins.keys() - found.keys()):
        raise LockError(
            f"{wheelhouse} has no wheel of {', '.join(lacking)} that CPython {base.version} can load",
            remedy="make the wheelhouse again, for this track and for the Python of this base",
        )
    return [path for _, path in found.values()]


def _tags(base: Base) -> Iterator[Tag]:
    """What may stand in the name of a wheel that a base can load, best first."""
    major, minor = map(int, base.minor.split("."))
    # a debug build, whose name ends so, loads the wheels of others, too
    abi = str(base.answer["interpreter"]["soabi"]).split("-")[1].removesuffix("d")
    yield from cpython_tags((major, minor), [f"cp{abi}"], PLATFORMS)
    yield from compatible_tags((major, minor), f"cp{major}{minor}", PLATFORMS)


def kept_wheels(cache: Path, tag: str, lock: Path, pins: Mapping[str, Pin]) -> list[Path]:
    """The wheels that an install has kept in the cache; none at all where one is missing or damaged.

    Args:
        cache: directory of the user for wheels.
        tag: of the interpreter, as `cpython-312`.
        lock: that names them.
        pins: those of the lock that are wanted, by normalised name.
    """
    return [wheel.path for wheel in _read_cache(_place(cache, tag, lock), pins).values()]


def _place(cache: Path, tag: str, lock: Path) -> Path:
    return cache / f"{tag}-{digest(lock)[:16]}"


def download(
    lock: Path,
    folder: Path,
    *,
    python: Path,
    env: Mapping[str, str],
    options: Sequence[str] = (),
) -> None:
    """Let pip download what a requirements file with hashes names, for the interpreter that runs it.

    Args:
        lock: the file.
        folder: where the wheels go.
        python: an interpreter with pip.
        env: all environment variables of pip.
        options: more options of `pip download`.

    Raises:
        LockError: a wheel is not the one that the lock names, or cannot be had.
    """
    command: list[str | Path] = [python, "-I", "-m", "pip", "download", "--quiet"]
    command += ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command += [word for name in PLATFORMS for word in ("--platform", name)]
    command += ["--progress-bar", "off", *options, "-r", lock, "-d", folder]
    done = _run_pip(command, env=env, cwd=folder)
    if done.returncode == 0:
        return
    words = without_passwords(done.stdout + done.stderr)
    output = "\n    ".join(words.strip().splitlines()[-15:])
    if _WRONG_HASH in done.stderr:
        raise LockError(
            f"a wheel is not the one that {lock.name} names:\n    {output}",
            remedy=f"do not install it; look at your index, or take {lock.name} from a release",
        )
    remedy = "set the site's proxy (https_proxy) or pip's index (PIP_INDEX_URL)"
    if os.strerror(errno.ENOSPC) in output:
        remedy = f"make room in {folder} and in TMPDIR"
    raise LockError(f"pip could not fetch the wheels of {lock.name}:\n    {output}", remedy=remedy)


def _run_pip(
    command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path
) -> CompletedProcess[str]:
    """Run pip; where it fetches nothing, again through the site's proxy, if that answers."""
    done = run(
        command,
        env={**env, **no_proxy_for_loopback(env)},
        cwd=cwd,
        timeout_seconds=WORK_SECONDS,
    )
    if done.returncode == 0 or _WRONG_HASH in done.stderr:
        return done
    site = site_proxy(env)
    if not site:
        return done
    log_site_proxy(site)
    return run(command, env={**env, **site}, cwd=cwd, timeout_seconds=WORK_SECONDS)


def _check(folder: Path, pins: Mapping[str, Pin], lock: Path) -> dict[str, Wheel]:
    wheels = {}
    for path in sorted(folder.iterdir()):
        wheel = read_wheel(path)
        pin = pins.get(wheel.name)
        if pin is None or pin.version != wheel.version or wheel.sha256 not in pin.sha256:
            raise LockError(
                f"{path.name} with sha256 {wheel.sha256} is not in {lock.name}",
                remedy=f"remove {folder} and install again",
            )
        wheels[wheel.name] = wheel
    if lacking := sorted(pins.keys() - wheels.keys()):
        raise LockError(f"no wheel was fetched of: {', '.join(lacking)}", remedy="lock again")
    return wheels


def _read_cache(folder: Path, pins: Mapping[str, Pin]) -> dict[str, Wheel]:
    """The wheels of a cache folder; none at all where one is missing, damaged or too many."""
    if not folder.is_dir():
        return {}
    try:
        return _check(folder, pins, folder)
    except (LockError, ValueError, OSError):
        return {}


def _keep(folder: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=STAGING, dir=target.parent))
    try:
        shutil.copytree(folder, staged, dirs_exist_ok=True)
        below.remove_path(target)
        try:
            staged.rename(target)
        except OSError:
            # another install was faster
            if not target.is_dir():
                raise
    finally:
        below.remove_path(staged)
