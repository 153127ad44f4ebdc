"""What distributions require, as their metadata says, and whether it is met."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version


@dataclass(frozen=True)
class Distribution:
    """A version of a package, and what it requires, as its metadata says."""

    version: str
    requires: tuple[str, ...] = field(repr=False)


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
