"""The delta: what the overlay must add to a base, as pip would compute it (tests/install/test_delta.py).

These are the locked packages that the base lacks, or has in a version that the others do not accept.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from polaris_parsl.env.base.choice import Base
from polaris_parsl.env.installer.requirements import Distribution, applicable
from polaris_parsl.env.installer.wheel_files import OpenWheel, requirements_of
from polaris_parsl.env.installer.wheels import Wheel
from polaris_parsl.errors import LockError, OptionError
from polaris_parsl.facts.polaris import polaris


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
) -> Delta:
    """Compute what the base lacks.

    Args:
        requirements: the `pip:` section of the track's environment file.
        wheels: the locked wheels.
        base: the base; it must have been asked about all locked names.
        allowed: protected packages that may come before those of the base.

    Raises:
        LockError: there is no solution, or it would come before a protected package of the base.
    """
    # only a source tree has resolvelib
    from polaris_parsl.env.installer.resolution import resolve  # noqa: PLC0415

    broken = {name: why for name in wheels if (why := _damage(name, base))}
    try:
        answer = resolve(
            requirements,
            locked=distributions_of(OpenWheel(each, base.minor) for each in wheels.values()),
            base=base_distributions(base),
            refused=broken,
            markers=base.markers,
        )
    except LockError as error:
        raise LockError(
            f"the locked packages do not fit the base {base.prefix}:\n    {error.problem}",
            remedy=error.remedy,
        ) from error
    chosen = sorted(answer)
    _refuse_shadowing(chosen, base, allowed)
    # what only a locked package needs of which the base has another release may be in neither
    taken = sorted(wheels.keys() & base.distributions.keys() - set(chosen))
    return Delta(
        install=tuple(wheels[name] for name in chosen),
        why={name: broken.get(name) or _why(name, base) for name in chosen},
        from_base={name: str(base.distributions[name]["version"]) for name in taken},
        depends_on=_closure(taken, base) - set(chosen),
    )


def distributions_of(wheels: Iterable[OpenWheel]) -> dict[str, Distribution]:
    """What the metadata of wheels says, by name."""
    return {
        each.wheel.name: Distribution(each.wheel.version, tuple(requirements_of(each.metadata())))
        for each in wheels
    }


def base_distributions(base: Base) -> dict[str, Distribution]:
    """What is installed in a base, by name; of two in one directory the first."""
    return {
        name: Distribution(
            str(entry["version"]).partition(",")[0], tuple(entry.get("requires") or ())
        )
        for name, entry in base.distributions.items()
    }


def _closure(names: Sequence[str], base: Base) -> frozenset[str]:
    """These distributions of a base and all that they require there, as its markers say."""
    seen: set[tuple[str, str]] = set()
    waiting = [(name, "") for name in names]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen or name not in base.distributions:
            continue
        seen.add((name, extra))
        requires = base.distributions[name].get("requires") or ()
        for needed in applicable(requires, {**base.markers, "extra": extra}):
            target = canonicalize_name(needed.name)
            waiting += [(target, each) for each in ("", *sorted(needed.extras))]
    return frozenset(name for name, _ in seen)


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
