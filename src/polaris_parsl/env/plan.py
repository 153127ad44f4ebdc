"""What an install will do: computed whole before anything is written to the prefix."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from polaris_parsl.env.base import Base, choose_base, probe
from polaris_parsl.env.delta import Delta, compute_delta, refuse_unprotected
from polaris_parsl.env.drift import Finding
from polaris_parsl.env.gnu_parallel import Parallel, choose_parallel
from polaris_parsl.env.locks import (
    LOCKS,
    digest,
    overlay_requirements,
    read_conda,
    read_requirements,
)
from polaris_parsl.env.modules import conda_module
from polaris_parsl.env.publish import refuse_unusable
from polaris_parsl.env.shadows import shadows
from polaris_parsl.env.wheels import Wheel, build_own, fetch
from polaris_parsl.errors import MissingToolError
from polaris_parsl.files import checkout, shipped
from polaris_parsl.process import Step
from polaris_parsl.version import VERSION


@dataclass(frozen=True)
class Request:
    """What the user asked for; None lets us choose."""

    prefix: Path
    base: Path | None
    base_module: str | None
    command: tuple[str, ...]
    allow_shadow: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Everything that building an install needs; wheels lie in the user's cache or in scratch."""

    request: Request
    version: str
    locks: Mapping[str, str]
    base: Base
    base_found: str
    base_module: str | None
    own: Wheel
    delta: Delta
    shadows: tuple[Finding, ...]
    tools: tuple[Wheel, ...]
    parallel: Parallel

    @property
    def target(self) -> Path:
        """Where the install will be."""
        return self.request.prefix / "versions" / self.version

    @property
    def lock_digest(self) -> str:
        """Short digest of the three locks together."""
        text = "".join(f"{name}:{value}\n" for name, value in sorted(self.locks.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

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


def make_plan(request: Request, *, scratch: Path, env: Mapping[str, str], step: Step) -> Plan:
    """Compute what an install will do. Writes to scratch and to the user's cache of wheels only.

    Args:
        request: what the user asked for.
        scratch: temporary directory; it must outlive the plan.
        env: environment variables.
        step: called with the name of each step.

    Raises:
        BaseEnvironmentError: the base cannot be used.
        LockError: a wheel is not the one that a lock names, or the locks do not fit the base.
        OptionError: a name that --allow-shadow gives is not protected.
        MissingToolError: there is no source tree to build from.
        PrefixError: the prefix cannot be written, or has this version.
    """
    refuse_unusable(request.prefix, VERSION)
    refuse_unprotected(request.allow_shadow)
    locks = {name: shipped(name) for name in LOCKS}
    names = sorted(read_requirements(locks["overlay.lock"]))
    with step("look at the base"):
        python, base_found = choose_base(request.base, env)
        base = probe(python, names=names, env=env)
    with step("build the wheel of polaris-parsl"):
        own = _build_own(scratch, env)
    cache = _wheel_cache(env)
    with step("fetch the wheels of the overlay"):
        wheels = fetch(locks["overlay.lock"], base, cache=cache, scratch=scratch, env=env)
    with step("compare them with the base"):
        requirements = overlay_requirements(shipped("environment.yml"))
        delta = compute_delta(
            requirements, wheels, base, allowed=request.allow_shadow, scratch=scratch, env=env
        )
    with step("fetch the wheels of the tools"):
        tools = fetch(locks["tools.lock"], base, cache=cache, scratch=scratch, env=env)
    with step("look for GNU Parallel"):
        parallel = choose_parallel(read_conda(locks["conda-lock.yml"]), env)
    return Plan(
        request=request,
        version=VERSION,
        locks={name: digest(path) for name, path in locks.items()},
        base=base,
        base_found=base_found,
        base_module=request.base_module or conda_module(base.prefix),
        own=own,
        delta=delta,
        shadows=tuple(
            # the install's own processes see no user site, jobs may
            shadows(
                frozenset(names),
                delta.leans_on,
                minor=base.minor,
                env={**env, "PYTHONNOUSERSITE": ""},
            )
        ),
        tools=tuple(tools.values()),
        parallel=parallel,
    )


def _build_own(scratch: Path, env: Mapping[str, str]) -> Wheel:
    source = checkout()
    if source is None:
        raise MissingToolError(
            "this polaris-parsl was installed from a wheel: there is no source tree to install",
            remedy="run scripts/install.sh of the source tree",
        )
    folder = scratch / "own"
    folder.mkdir()
    return build_own(source, folder, env=env)


def _wheel_cache(env: Mapping[str, str]) -> Path:
    home = env.get("XDG_CACHE_HOME") or str(Path(env.get("HOME", "/"), ".cache"))
    return Path(home) / "polaris-parsl" / "wheels"
