"""The delta: what the overlay must add to a base, as pip itself computes it.

pip is asked, in an empty environment that sees the base, what it would install
for the requirements of environment.yml, with nothing but the locked wheels to
choose from. So its answer is the locked packages that the base lacks, or has in
a version that the others do not accept.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from polaris_parsl.env.base import Base
from polaris_parsl.env.environments import create
from polaris_parsl.env.variables import for_offline_pip
from polaris_parsl.env.wheels import Wheel
from polaris_parsl.errors import LockError
from polaris_parsl.process import run


@dataclass(frozen=True)
class Delta:
    """Which locked packages are installed, and which come from the base.

    Attributes:
        install: wheels to install, by name.
        why: for each of them, why.
        from_base: version of each locked package that is taken from the base.
        leans_on: these, and all that they require in the base.
    """

    install: tuple[Wheel, ...]
    why: Mapping[str, str]
    from_base: Mapping[str, str]
    leans_on: frozenset[str]


def compute_delta(
    requirements: Sequence[str],
    wheels: Mapping[str, Wheel],
    base: Base,
    *,
    scratch: Path,
    env: Mapping[str, str],
) -> Delta:
    """Ask pip what the base lacks.

    Args:
        requirements: the `overlay` list of environment.yml.
        wheels: the locked wheels, all in one directory.
        base: the base; its distributions must tell of all locked names.
        scratch: temporary directory.
        env: environment variables.

    Raises:
        LockError: pip finds no solution, or chooses something that is not locked.
    """
    empty = scratch / "empty"
    create(empty, base.executable, sees_base=True, env=env)
    folder = next(iter(wheels.values())).path.parent
    command: list[str | Path] = [base.executable, "-m", "pip", "--python", empty / "bin/python"]
    command += ["install", "--dry-run", "--report", "-", "--quiet", "--only-binary", ":all:"]
    command += ["--no-index", "--find-links", folder, *requirements]
    done = run(command, env=for_offline_pip(env), cwd=scratch)
    if done.returncode != 0:
        raise LockError(
            f"the locked packages do not fit the base {base.prefix}:\n    {done.stderr.strip()}",
            remedy="lock again with `polaris-parsl lock`, or choose another base",
        )
    chosen = sorted(_locked(entry, wheels) for entry in json.loads(done.stdout)["install"])
    taken = sorted(wheels.keys() - set(chosen))
    return Delta(
        install=tuple(wheels[name] for name in chosen),
        why={name: _why(wheels[name], base) for name in chosen},
        from_base={name: str(base.distributions[name]["version"]) for name in taken},
        leans_on=_closure(taken, base) - set(chosen),
    )


def _closure(names: Sequence[str], base: Base) -> frozenset[str]:
    """These distributions of a base and all that they require there, as its markers say."""
    seen: set[tuple[str, str]] = set()
    waiting = [(name, "") for name in names]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen or name not in base.distributions:
            continue
        seen.add((name, extra))
        for text in base.distributions[name].get("requires", ()):
            needed = _requirement(text)
            if needed and _applies(needed, {**base.markers, "extra": extra}):
                target = canonicalize_name(needed.name)
                waiting += [(target, each) for each in ("", *sorted(needed.extras))]
    return frozenset(name for name, _ in seen)


def _requirement(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        # old distributions have some that nothing reads, pip neither
        return None


def _applies(needed: Requirement, environment: Mapping[str, str]) -> bool:
    return needed.marker is None or needed.marker.evaluate(dict(environment))


def _locked(entry: Mapping[str, Mapping[str, object]], wheels: Mapping[str, Wheel]) -> str:
    name = Path(str(entry["download_info"]["url"])).name
    archive = entry["download_info"]["archive_info"]
    told = archive.get("hashes") if isinstance(archive, dict) else None
    for wheel in wheels.values():
        if wheel.path.name == name:
            if isinstance(told, dict) and told.get("sha256") not in {None, wheel.sha256}:
                break
            return wheel.name
    raise LockError(
        f"pip chose {name}, which is not in overlay.lock", remedy="lock again, then install"
    )


def _why(wheel: Wheel, base: Base) -> str:
    present = base.distributions.get(wheel.name)
    if present is None:
        return "the base has none"
    return f"the base has {present['version']}, which does not do"
