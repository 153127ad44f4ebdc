"""A wheelhouse: every artifact of the locks in one directory, to install from without a network.

It holds the wheels of a track, of the tools and of the installer, the conda archives, the source tree
of polaris_parsl, the locks, and SHA256SUMS of all. What its wheels and archives must
be is decided by the locks of whoever installs from it, not by its SHA256SUMS.
"""

import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from polaris_parsl.env.base.choice import NEWEST, OLDEST
from polaris_parsl.env.installer.conda_archives import channel_silence, fetch_archives
from polaris_parsl.env.installer.own_wheel import build_own
from polaris_parsl.env.installer.wheels import download, kept_wheels
from polaris_parsl.env.locks.files import (
    CONDA_LOCK,
    INSTALLER_LOCK,
    TOOLS_LOCK,
    CondaPackage,
    Pin,
    base_packages,
    markers_of,
    overlay_lock,
    parallel_packages,
    read_conda,
    read_requirements,
    track_requirements,
)
from polaris_parsl.env.prefix.publish import new_directory
from polaris_parsl.env.variables import for_python, user_cache
from polaris_parsl.errors import LockError
from polaris_parsl.files import digest, read_regular, shipped
from polaris_parsl.process import Step

WHEELS, ARCHIVES, LOCKS = "wheels", "conda", "locks"
SUMS, MISSING = "SHA256SUMS", "missing.txt"
_SUMS_BYTES_MAX = 1 << 20
PYTHONS = tuple(f"3.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1))

_REMEDY = "copy it again, or make it again with `polaris-parsl wheelhouse`"


@dataclass(frozen=True)
class Collected:
    """What a wheelhouse holds, and the conda packages whose archives it could not get."""

    source: str
    wheels: int
    archives: int
    missing: tuple[CondaPackage, ...]
    silence: str | None


def make_wheelhouse(
    target: Path,
    *,
    track: str,
    pythons: Sequence[str],
    env: Mapping[str, str],
    step: Step,
    with_base: bool = False,
    mirror: str | None = None,
) -> Collected:
    """Collect every artifact of the locks into a new directory.

    Args:
        target: the directory; it must not exist.
        track: whose overlay lock.
        pythons: minor versions of CPython to serve, as "3.12".
        env: environment variables; pip heeds its settings of the user.
        step: called with the name of each step.
        with_base: collect the archives of the locked base, too.
        mirror: address of a copy of the conda channel, to ask in its place.

    Raises:
        LockError: there is no such track or no such Python, an artifact is not the one
            that a lock names, or a wheel cannot be had.
        MissingToolError: there is no source tree to put into it.
        PrefixError: the directory exists, or cannot be made.
    """
    environment = shipped("environment.yml")
    track_requirements(environment, track)
    if unknown := sorted(set(pythons) - set(PYTHONS)):
        raise LockError(
            f"the locks are not for Python {', '.join(unknown)}",
            remedy=f"choose from {', '.join(PYTHONS)}",
        )
    names = (CONDA_LOCK, overlay_lock(track), TOOLS_LOCK, INSTALLER_LOCK)
    with new_directory(target) as folder:
        with step("pack the source tree"):
            source = build_own(folder, env=env, kind="sdist").name
        for name in names:
            _put(shipped(name), folder / LOCKS / name)
        (folder / WHEELS).mkdir()
        for name in names[1:]:
            for python in pythons:
                with step(f"fetch the wheels of {name} for Python {python}"):
                    _fetch_wheels(shipped(name), python, folder / WHEELS, env=env)
        packages = _conda_packages(with_base=with_base)
        with step("fetch the conda archives"):
            silence = channel_silence(packages, env, mirror=mirror)
            if silence is None:
                fetch_archives(packages, folder / ARCHIVES, env=env, mirror=mirror)
            elif with_base:
                raise LockError(
                    f"the archives of the locked base cannot be had: {silence}",
                    remedy="collect where the channel answers, name a copy of it with "
                    "--conda-mirror, or leave out --with-base",
                )
            else:
                (folder / ARCHIVES).mkdir()
                (folder / MISSING).write_text(_missing_text(packages), encoding="utf-8")
        collected = Collected(
            source=source,
            wheels=len(list((folder / WHEELS).iterdir())),
            archives=len(list((folder / ARCHIVES).iterdir())),
            missing=tuple(packages) if silence else (),
            silence=silence,
        )
        lines = [f"{digest(folder / name)}  {name}\n" for name in _files(folder)]
        (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    return collected


def _conda_packages(*, with_base: bool) -> list[CondaPackage]:
    lock = shipped(CONDA_LOCK)
    wanted = {each.name for each in (base_packages(lock) if with_base else ())}
    wanted |= {each.name for each in parallel_packages(lock)}
    return [each for each in read_conda(lock) if each.name in wanted]


def check_wheelhouse(folder: Path, locks: Mapping[str, Path]) -> None:
    """Refuse a wheelhouse that is damaged, or was made from other locks than ours.

    Args:
        folder: the wheelhouse.
        locks: our locks by name.

    Raises:
        LockError: it is one of these, or no wheelhouse.
    """
    sums = _read_sums(folder)
    for name, path in locks.items():
        if sums.get(f"{LOCKS}/{name}") != digest(path):
            has = sorted(entry.rpartition("/")[2] for entry in sums if entry.startswith(LOCKS))
            raise LockError(
                f"{folder} was made from other locks: it has not our {name} (it has: "
                f"{', '.join(has)})",
                remedy="install from the source tree that lies in it, choose its --track, "
                "or make it again with `polaris-parsl wheelhouse`",
            )
    for name, expected in sums.items():
        path = folder / name
        if not path.is_file():
            raise LockError(f"{folder} lacks {name}", remedy=_REMEDY)
        if digest(path) != expected:
            raise LockError(
                f"{path} has sha256 {digest(path)}; {SUMS} names {expected}", remedy=_REMEDY
            )


def _read_sums(folder: Path) -> dict[str, str]:
    try:
        content = read_regular(folder / SUMS, most_bytes=_SUMS_BYTES_MAX, through_link=False)
        lines = content.decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LockError(f"{folder} is not a wheelhouse: {error}", remedy=_REMEDY) from error
    found = {}
    for line in lines:
        entry = re.fullmatch(r"([0-9a-f]{64})  (.+)", line)
        name = PurePosixPath(entry[2]) if entry else None
        if not entry or not name or name.is_absolute() or ".." in name.parts:
            raise LockError(f"{folder / SUMS} has the line {line!r}", remedy=_REMEDY)
        found[entry[2]] = entry[1]
    return found


def _fetch_wheels(lock: Path, python: str, folder: Path, *, env: Mapping[str, str]) -> None:
    pins = {name: pin for name, pin in read_requirements(lock).items() if _applies(pin, python)}
    tag = f"cpython-{python.replace('.', '')}"
    if kept := kept_wheels(user_cache(env) / WHEELS, tag, lock, pins):
        for wheel in kept:
            _put(wheel, folder / wheel.name)
        return
    listed = folder.with_name(f"{lock.name}.{python}")
    listed.write_text("".join(f"{pin.requirement}\n" for pin in pins.values()), encoding="utf-8")
    options = ["--implementation", "cp", "--python-version", python]
    # the interpreter below the tools environment, which bootstrap.py chose for its pip
    base = Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")
    download(listed, folder, python=base, options=options, env=for_python(env))
    listed.unlink()


def _applies(pin: Pin, python: str) -> bool:
    """Whether some patch release of a Python on linux x86-64 gets it."""
    return any(pin.applies(markers_of(f"{python}.{patch}")) for patch in (0, 99))


def _missing_text(packages: Sequence[CondaPackage]) -> str:
    lines = [f"{package.sha256}  {package.url}\n" for package in packages]
    return f"Download these into {ARCHIVES}/, and GNU Parallel will be installed too:\n" + "".join(
        lines
    )


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(source, target)


def _files(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder))
