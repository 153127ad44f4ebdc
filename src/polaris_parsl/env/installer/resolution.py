"""Which locked packages an overlay must add to a base: what a base has is kept where all requirements accept it."""

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from polaris_parsl.errors import LockError


@dataclass(frozen=True)
class Distribution:
    """A version of a package, and what it requires, as its metadata says."""

    version: str
    requires: tuple[str, ...]


@dataclass(frozen=True)
class _Wanted:
    """A requirement, and the names of those that require it, the nearest first."""

    requirement: Requirement
    by: tuple[str, ...] = ()


def resolve(
    requirements: Sequence[str],
    *,
    locked: Mapping[str, Distribution],
    base: Mapping[str, Distribution],
    refused: Collection[str],
    markers: Mapping[str, str],
) -> set[str]:
    """Names of the locked packages to install, as `pip install` would choose with nothing else to choose from.

    Args:
        requirements: what is wanted.
        locked: the one version of each package that can be installed.
        base: what is installed.
        refused: packages of the base that cannot be used.
        markers: environment markers of the base.

    Raises:
        LockError: no choice meets all requirements.
    """
    wanted = [_Wanted(Requirement(text)) for text in (*requirements, *sorted(refused))]
    choice = _Choice(locked, base, set(refused))
    # each round replaces one more package of the base, so it ends
    while clash := choice.clash(wanted, markers):
        choice.replaced.add(clash)
    return {name for name in choice.seen if name in choice.replaced or name not in base}


@dataclass
class _Choice:
    """A choice: what the base has, but for what is replaced, and locked packages for the rest."""

    locked: Mapping[str, Distribution]
    base: Mapping[str, Distribution]
    replaced: set[str]
    seen: set[str] = field(default_factory=set)

    def clash(self, first: Sequence[_Wanted], markers: Mapping[str, str]) -> str:
        """A package of the base that must be replaced, because a requirement is not met; "" if all are."""
        waiting, expanded = deque(first), set[tuple[str, str]]()
        self.seen.clear()
        while waiting:
            wanted = waiting.popleft()
            name = canonicalize_name(wanted.requirement.name)
            chosen = self._chosen(name)
            if chosen is None or not accepts(wanted.requirement.specifier, chosen.version):
                return self._replaceable(wanted, name) or _refuse(wanted, name, chosen)
            self.seen.add(name)
            for extra in ("", *sorted(wanted.requirement.extras)):
                if (name, extra) not in expanded:
                    expanded.add((name, extra))
                    needed = applicable(chosen.requires, {**markers, "extra": extra})
                    waiting += [_Wanted(each, (name, *wanted.by)) for each in needed]
        return ""

    def _chosen(self, name: str) -> Distribution | None:
        present = None if name in self.replaced else self.base.get(name)
        return present or self.locked.get(name)

    def _replaceable(self, wanted: _Wanted, name: str) -> str:
        """What may still change: the package itself, else the nearest that requires it."""
        return next(
            (
                each
                for each in (name, *wanted.by)
                if each in self.base and each in self.locked and each not in self.replaced
            ),
            "",
        )


def _refuse(wanted: _Wanted, name: str, chosen: Distribution | None) -> str:
    who = wanted.by[0] if wanted.by else "the environment file"
    there = f"there is {chosen.version}" if chosen else "there is none"
    raise LockError(
        f"{who} requires {wanted.requirement}, and of {name} {there}",
        remedy="lock again with `polaris-parsl lock`, or choose another base",
    )


def unmet(installed: Mapping[str, Distribution], markers: Mapping[str, str]) -> set[str]:
    """Which requirements of what is installed are not met, in the words of `pip check`."""
    found = set()
    for name, each in installed.items():
        for needed in applicable(each.requires, {**markers, "extra": ""}):
            target = canonicalize_name(needed.name)
            present = installed.get(target)
            if present is None:
                found.add(f"{name} {each.version} requires {target}, which is not installed.")
            elif not accepts(needed.specifier, present.version):
                found.add(
                    f"{name} {each.version} has requirement {needed}, but you have {target} "
                    f"{present.version}."
                )
    return found


def applicable(texts: Sequence[str], markers: Mapping[str, str]) -> Iterator[Requirement]:
    """The requirements whose markers apply; old distributions have some that nothing can read."""
    for requirement in filter(None, map(_parsed, texts)):
        if requirement.marker is None or requirement.marker.evaluate(dict(markers)):
            yield requirement


@cache
def _parsed(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def accepts(specifier: SpecifierSet, version: str) -> bool:
    """Whether a requirement accepts a version that is there, a pre-release too."""
    try:
        return specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return not specifier
