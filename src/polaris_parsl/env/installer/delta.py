"""The delta: what the overlay must add to a base, as pip itself computes it.

pip is asked, in an empty environment that sees the base, what it would install
for the requirements of environment.yml, with nothing but the locked wheels to
choose from. So its answer is the locked packages that the base lacks, or has in
a version that the others do not accept.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from polaris_parsl.env.base.choice import Base
from polaris_parsl.env.installer.environments import create
from polaris_parsl.env.installer.wheels import Wheel
from polaris_parsl.env.variables import for_offline_pip
from polaris_parsl.errors import LockError, OptionError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.process import WORK_SECONDS, run


@dataclass(frozen=True)
class Delta:
    """Which locked packages are installed, and which come from the base.

    Attributes:
        install: wheels to install, by name.
        why: for each of them, why.
        from_base: version of each locked package that is taken from the base.
        depends_on: these, and all that they require in the base.
    """

    install: tuple[Wheel, ...]
    why: Mapping[str, str]
    from_base: Mapping[str, str]
    depends_on: frozenset[str]


def compute_delta(
    requirements: Sequence[str],
    wheels: Mapping[str, Wheel],
    base: Base,
    *,
    allowed: Collection[str] = (),
    scratch: Path,
    env: Mapping[str, str],
) -> Delta:
    """Ask pip what the base lacks.

    Args:
        requirements: the `pip:` section of the track's environment file.
        wheels: the locked wheels, all in one directory.
        base: the base; it must have been asked about all locked names.
        allowed: protected packages that may come before those of the base.
        scratch: temporary directory.
        env: environment variables.

    Raises:
        LockError: pip finds no solution, chooses something that is not locked, or what it
            chooses would come before a protected package of the base.
    """
    broken = {name: why for name in wheels if (why := _damage(name, base))}
    empty = scratch / "empty"
    create(empty, base.executable, sees_base=True, env=env)
    folder = next(iter(wheels.values())).path.parent
    command: list[str | Path] = [
        base.executable,
        "-I",
        "-m",
        "pip",
        "--python",
        empty / "bin/python",
    ]
    command += ["install", "--dry-run", "--report", "-", "--quiet", "--only-binary", ":all:"]
    command += ["--no-index", "--find-links", folder, *requirements]
    # pip believes the metadata of the base
    command += [f"{name}=={wheels[name].version}" for name in sorted(broken)]
    done = run(command, env=for_offline_pip(env), cwd=scratch, timeout_seconds=WORK_SECONDS)
    if done.returncode != 0:
        raise LockError(
            f"the locked packages do not fit the base {base.prefix}:\n    {done.stderr.strip()}",
            remedy="lock again with `polaris-parsl lock`, or choose another base",
        )
    answer = {_locked(entry, wheels) for entry in json.loads(done.stdout)["install"]}
    chosen = sorted(answer | broken.keys())
    _refuse_shadowing(chosen, base, allowed)
    taken = sorted(wheels.keys() - set(chosen))
    return Delta(
        install=tuple(wheels[name] for name in chosen),
        why={name: broken.get(name) or _why(name, base) for name in chosen},
        from_base={name: str(base.distributions[name]["version"]) for name in taken},
        depends_on=_closure(taken, base) - set(chosen),
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
    hashes = archive.get("hashes") if isinstance(archive, dict) else None
    for wheel in wheels.values():
        if wheel.path.name == name:
            if isinstance(hashes, dict) and hashes.get("sha256") not in {None, wheel.sha256}:
                break
            return wheel.name
    raise LockError(
        f"pip chose {name}, which is not in overlay.lock", remedy="lock again, then install"
    )


def _why(name: str, base: Base) -> str:
    present = base.distributions.get(name)
    if present is None:
        return "the base has none"
    return f"the base has {present['version']}, which is not accepted"


def _damage(name: str, base: Base) -> str:
    """Why a distribution of the base cannot be used, whatever its version; "" if it can."""
    present = base.distributions.get(name)
    if present is None:
        return ""
    if present["copies"] > 1:
        return f"the base has it {present['copies']} times: {present['version']}"
    if present["sha256"] is None:
        return f"the base has {present['version']} without metadata"
    if present["missing"]:
        return f"the base has {present['version']} without {', '.join(present['missing'])}"
    return ""


def refuse_unprotected(allowed: Collection[str]) -> None:
    """Refuse a name that needs no permission, because it is probably misspelt.

    Raises:
        OptionError: it is not protected.
    """
    protected = polaris().protected.names
    for name in allowed:
        if name not in protected:
            raise OptionError(
                f"--allow-shadow {name}: that package is not protected",
                remedy=f"leave it out; protected are {', '.join(sorted(protected))}",
            )


def _refuse_shadowing(chosen: Collection[str], base: Base, allowed: Collection[str]) -> None:
    protected = polaris().protected
    for name in chosen:
        if name in protected.names and name in base.distributions and name not in allowed:
            raise LockError(
                f"{name} of overlay.lock would come before the base's "
                f"{base.distributions[name]['version']}, which is protected: {protected.why}",
                remedy=f"take it out of environment.yml; or, if you mean it, --allow-shadow {name}",
            )
