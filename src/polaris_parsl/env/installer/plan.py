"""What an install will do: computed whole before anything is written to the prefix."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from polaris_parsl.env.base.choice import Base, choose_base, probe
from polaris_parsl.env.base.drift import VerifyFinding
from polaris_parsl.env.base.shadowed_packages import find_shadowed_packages
from polaris_parsl.env.installer.conda_archives import refuse_bad_mirror
from polaris_parsl.env.installer.delta import Delta, compute_delta, refuse_unprotected
from polaris_parsl.env.installer.gnu_parallel import Parallel, choose_parallel
from polaris_parsl.env.installer.locked_base import LockedBase, locked_base
from polaris_parsl.env.installer.own_wheel import OWN, own_wheel
from polaris_parsl.env.installer.wheelhouse import ARCHIVES, WHEELS, check_wheelhouse
from polaris_parsl.env.installer.wheels import Wheel, fetch, read_wheel
from polaris_parsl.env.locks.files import (
    CONDA_LOCK,
    INSTALLER_LOCK,
    TOOLS_LOCK,
    overlay_lock,
    parallel_packages,
    read_requirements,
    track_requirements,
)
from polaris_parsl.env.modules.base_module import choose_module
from polaris_parsl.env.prefix.publish import refuse_unusable
from polaris_parsl.env.receipt import read_receipt
from polaris_parsl.env.release_names import CURRENT, release_name
from polaris_parsl.env.variables import user_cache
from polaris_parsl.errors import OptionError
from polaris_parsl.files import digest, shipped
from polaris_parsl.installs import LOCKED, is_locked, version_root
from polaris_parsl.process import Step
from polaris_parsl.version import VERSION

_LABEL = re.compile(r"[a-z][a-z0-9]{0,19}")


def refuse_bad_label(label: str) -> None:
    """Refuse a label that cannot be a part of a version's name.

    Raises:
        OptionError: it is one of these.
    """
    if label and not _LABEL.fullmatch(label):
        raise OptionError(
            f"the label {label!r} cannot be a part of a version's name",
            remedy="take at most 20 small letters and digits, the first a letter",
        )


def rebased_from(root: Path) -> dict[str, Any]:
    """What a receipt says of the version that was built again.

    Raises:
        ReceiptError: that version has no readable receipt.
    """
    receipt = read_receipt(root)
    return {
        "version": root.name,
        "base": receipt.base["prefix"],
        "python": receipt.base["interpreter"]["version"],
        "module": (receipt.base["module"] or {}).get("name"),
    }


@dataclass(frozen=True)
class InstallRequest:
    """What the user asked for; None lets us choose. Without a wheelhouse, the network is asked.

    Raises:
        LockError: there is no such track.
    """

    prefix: Path
    base: Path | None
    base_module: str | None
    command: tuple[str, ...]
    allow_shadow: tuple[str, ...] = ()
    track: str = CURRENT
    wheelhouse: Path | None = None
    mirror: str | None = None
    label: str = ""
    rebased_from: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        # before the track becomes a part of a path
        track_requirements(shipped("environment.yml"), self.track)
        refuse_bad_label(self.label)
        refuse_bad_mirror(self.mirror)

    @property
    def release(self) -> str:
        """Name of the install's directory and module."""
        return release_name(VERSION, self.track, self.label)

    @property
    def locked_base(self) -> LockedBase | None:
        """The locked base, if it was asked for.

        Raises:
            LockError: conda-lock.yml is malformed or of another form.
            BaseEnvironmentError: this machine cannot run it.
        """
        if not is_locked(self.base):
            return None
        house = self.wheelhouse
        return locked_base(archives=house and house / ARCHIVES, mirror=self.mirror)


@dataclass(frozen=True)
class InstallPlan:
    """Everything that building an install needs; wheels lie in the user's cache or in scratch.

    Attributes:
        tools: what the command needs, some of it in the overlay, too.
        cache: the user's.
    """

    request: InstallRequest
    version: str
    locks: Mapping[str, str]
    base: Base
    base_found: str
    base_module: str | None
    locked_base: LockedBase | None
    own: Wheel
    delta: Delta
    shadowed_packages: tuple[VerifyFinding, ...]
    tools: tuple[Wheel, ...]
    parallel: Parallel
    cache: Path

    @property
    def target(self) -> Path:
        """Where the install will be."""
        return version_root(self.request.prefix, self.request.release)

    @property
    def locked(self) -> frozenset[str]:
        """Names whose requirements the install must meet."""
        added = {wheel.name for wheel in (self.own, *self.delta.install)}
        return frozenset(added | self.delta.from_base.keys())

    @property
    def parsl(self) -> str:
        """Version of Parsl that the overlay will import."""
        for wheel in self.delta.install:
            if wheel.name == "parsl":
                return wheel.version
        return self.delta.from_base["parsl"]


def make_plan(
    request: InstallRequest,
    *,
    scratch: Path,
    env: Mapping[str, str],
    step: Step,
    provide: Callable[[], Path] | None = None,
) -> InstallPlan:
    """Compute what an install will do. Writes to scratch and to the user's cache of wheels only.

    Args:
        request: what the user asked for.
        scratch: temporary directory; it must outlive the plan.
        env: environment variables.
        step: called with the name of each step.
        provide: gives the directory of the locked base, if that was asked for.

    Raises:
        BaseEnvironmentError: the base cannot be used, or is the site's and its module is not known.
        LockError: there is no such track, a wheel is not the one that a lock names, or the
            locks do not fit the base; the wheelhouse is damaged or of other locks.
        OptionError: a name that --allow-shadow gives is not protected.
        MissingToolError: there is no source tree to build from.
        PrefixError: the prefix cannot be written, or has this version.
    """
    requirements = track_requirements(shipped("environment.yml"), request.track)
    refuse_unusable(request.prefix, request.release)
    refuse_unprotected(request.allow_shadow)
    overlay = overlay_lock(request.track)
    locks = {name: shipped(name) for name in (CONDA_LOCK, overlay, TOOLS_LOCK, INSTALLER_LOCK)}
    names = sorted(read_requirements(locks[overlay]))
    house = request.wheelhouse
    if house:
        with step("check the wheelhouse"):
            check_wheelhouse(house, locks)
    given, found = (provide(), f"--base {LOCKED}") if provide else (request.base, "")
    python, base_found = choose_base(given, env)
    base_found = found or base_found
    (scratch / "own").mkdir()
    cache = user_cache(env)
    with own_wheel(scratch / "own", cache=cache / OWN, env=env) as finish_own:
        with step("look at the base"):
            base = probe(python, names=names, env=env)
            # the locked base is ours, wherever the prefix lies
            base_module = None if provide else choose_module(base.prefix, request.base_module, env)
        with step("build the wheel of polaris-parsl"):
            own = read_wheel(finish_own())
    get = partial(
        fetch,
        base=base,
        cache=cache / "wheels",
        scratch=scratch,
        env=env,
        wheelhouse=house and house / WHEELS,
    )
    with step("fetch the wheels of the overlay"):
        wheels = get(locks[overlay])
    with step("compare them with the base"):
        delta = compute_delta(requirements, wheels, base, allowed=request.allow_shadow)
    with step("fetch the wheels of the tools"):
        tools = get(locks[TOOLS_LOCK])
        # what the command explains and rehearses must be what the overlay does
        for name in tools.keys() & wheels.keys():
            tools[name] = wheels[name]
    with step("look for GNU Parallel"):
        parallel = choose_parallel(
            parallel_packages(locks[CONDA_LOCK]),
            env,
            archives=house and house / ARCHIVES,
            mirror=request.mirror,
        )
    return InstallPlan(
        request=request,
        version=VERSION,
        locks={name: digest(path) for name, path in locks.items()},
        base=base,
        base_found=base_found,
        base_module=base_module,
        locked_base=request.locked_base,
        own=own,
        delta=delta,
        shadowed_packages=tuple(
            # the install's own processes see no user site, jobs may
            find_shadowed_packages(
                frozenset(names),
                delta.depends_on,
                minor=base.minor,
                env={**env, "PYTHONNOUSERSITE": ""},
            )
        ),
        tools=tuple(tools.values()),
        parallel=parallel,
        cache=cache,
    )
