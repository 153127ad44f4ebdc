"""Whether the locks of a source tree match what they are solved from; asks no network."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from polaris_parsl.env.locks.conda import is_solved_from
from polaris_parsl.env.locks.files import (
    CONDA_LOCK,
    ENVIRONMENT,
    TOOL_LOCKS,
    Pin,
    environment_name,
    lock_names,
    markers_of,
    overlay_lock,
    read_conda,
    read_conda_part,
    read_conda_pip,
    read_requirements,
    read_tracks,
)
from polaris_parsl.env.locks.python import Origin, python_origins, read_origin
from polaris_parsl.env.locks.solvers import need_solvers
from polaris_parsl.env.release_names import CURRENT
from polaris_parsl.errors import LockError

# a name, and the version where it is pinned: `parallel=20241122`, `conda-forge::perl >=5`
_SPEC = re.compile(r"(?:[^:]*::)?([\w.-]+)(?:\s*={1,2}\s*([\w.]+)$)?")


def check_locks(root: Path, *, env: Mapping[str, str]) -> list[str]:
    """Compare each lock with its input.

    Args:
        root: top of the source tree.
        env: environment variables.

    Returns:
        The names of the locks, all of which match.

    Raises:
        LockError: some do not match; it names each file and what differs.
        MissingToolError: conda-lock or uv is missing.
    """
    need_solvers()
    names = lock_names(root / "environment.yml")
    found = [*_conda_differences(root, env=env), *_pip_differences(root), *_other_parts(root)]
    for name, origin in python_origins(root).items():
        found += [f"{name}: {text}" for text in _python_differences(root / name, origin)]
    found += _double_versions(root)
    for path in sorted(root.glob("overlay*.lock")):
        if path.name not in names:
            found.append(f"{path.name}: there is no environment file of such a track")
    if found:
        raise LockError(
            "locks do not match their input:\n    " + "\n    ".join(found),
            remedy="lock again with `polaris-parsl lock`, and remove locks that belong to no track",
        )
    return names


def _conda_differences(root: Path, *, env: Mapping[str, str]) -> Iterator[str]:
    lock = root / CONDA_LOCK
    locked = {package.name: package for package in read_conda(lock)}
    environment = root / "environment.yml"
    for text in read_conda_part(environment):
        spec = _SPEC.match(text.strip())
        name, version = spec.groups() if spec else (text, None)
        if name not in locked:
            yield f"{CONDA_LOCK}: environment.yml wants {text}, which it does not lock"
        elif version and not f"{locked[name].version}.".startswith(f"{version}."):
            yield f"{CONDA_LOCK}: environment.yml wants {text}, it locks {locked[name].version}"
    for package in locked.values():
        lacking = [need for need in package.needs if need not in locked and need[:2] != "__"]
        for need in lacking:
            yield f"{CONDA_LOCK}: {package.name} needs {need}, which it does not lock"
    if not is_solved_from(environment, lock, env=env):
        yield f"{CONDA_LOCK}: solved from another environment.yml"


def _pip_differences(root: Path) -> Iterator[str]:
    """What conda-lock.yml and overlay.lock say differently of the Python that conda-lock.yml locks."""
    name = overlay_lock(CURRENT)
    locked = read_conda_pip(root / CONDA_LOCK)
    pins = read_requirements(root / name)
    python = next(
        (each.version for each in read_conda(root / CONDA_LOCK) if each.name == "python"), ""
    )
    if not python:
        yield f"{CONDA_LOCK}: it locks no python"
        return
    markers = markers_of(python)
    wanted = {pin.name: pin for pin in pins.values() if pin.applies(markers)}
    for each in sorted(locked.keys() | wanted.keys()):
        one, other = locked.get(each), wanted.get(each)
        if one is None or other is None:
            has, lacks = (name, CONDA_LOCK) if one is None else (CONDA_LOCK, name)
            yield f"{lacks}: it does not lock {each}, {has} does"
        elif one.version != other.version:
            yield f"{CONDA_LOCK}: it locks {each} {one.version}, but {name} locks {other.version}"
        elif not one.sha256 <= other.sha256:
            yield f"{CONDA_LOCK}: its wheel of {each} {one.version} is not one of {name}"


def _other_parts(root: Path) -> Iterator[str]:
    """Tracks whose conda part is not the one that conda-lock.yml locks."""
    own = read_conda_part(root / ENVIRONMENT)
    for track in read_tracks(root / ENVIRONMENT):
        name = environment_name(track)
        if read_conda_part(root / name) != own:
            yield f"{name}: its conda part is not that of {ENVIRONMENT}, and has no lock"


def _python_differences(lock: Path, wanted: Origin) -> Iterator[str]:
    pins = read_requirements(lock)
    given = read_origin(lock)
    kinds = (
        ("requirement", wanted.requirements, given.requirements),
        ("constraint", wanted.constraints, given.constraints),
    )
    for kind, now, then in kinds:
        for text in sorted(set(now) - set(then)):
            yield f"solved without the {kind} {text}"
        for text in sorted(set(then) - set(now)):
            yield f"solved with the {kind} {text}, which is no longer wanted"
    for text in wanted.requirements:
        yield from _unmet(text, pins, is_needed=True)
    for text in wanted.constraints:
        yield from _unmet(text, pins, is_needed=False)


def _double_versions(root: Path) -> Iterator[str]:
    """Packages that the locks of the tools, which one environment may hold, pin to two versions."""
    seen: dict[str, tuple[str, str]] = {}
    for lock in TOOL_LOCKS:
        for name, pin in read_requirements(root / lock).items():
            other, version = seen.setdefault(name, (lock, pin.version))
            if version != pin.version:
                yield f"{lock}: it locks {name} {pin.version}, but {other} locks {version}"


def _unmet(text: str, pins: Mapping[str, Pin], *, is_needed: bool) -> Iterator[str]:
    requirement = Requirement(text)
    pin = pins.get(canonicalize_name(requirement.name))
    if pin is None:
        if is_needed:
            yield f"{text} is wanted, it is not locked"
    elif not requirement.specifier.contains(pin.version, prereleases=True):
        yield f"{text} is wanted, {pin.version} is locked"
