"""Which locked packages an overlay must add to a base: what a base has is kept where all requirements accept it.

resolvelib chooses, as it does inside pip; only a source tree has it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from resolvelib import AbstractProvider, BaseReporter, ResolutionImpossible, Resolver

from polaris_parsl.env.installer.requirements import Distribution, accepts, applicable
from polaris_parsl.errors import LockError

# A package, or one of its extras, which requires the package itself.
_Identifier = tuple[str, str]


@dataclass(frozen=True)
class _Candidate:
    """A distribution that may be chosen, or an extra of it."""

    name: str
    extra: str
    distribution: Distribution
    is_locked: bool


@dataclass(frozen=True)
class _Wanted:
    """A requirement; an extra requires its own package, so the same candidate."""

    name: str
    extra: str
    text: str
    specifier: SpecifierSet
    same_as: _Candidate | None = None


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
    usable = {name: each for name, each in base.items() if name not in refused}
    wanted = [each for text in (*requirements, *sorted(refused)) for each in _wanted(text)]
    resolver = Resolver(_Choices(locked, usable, markers), BaseReporter())
    try:
        found = resolver.resolve(wanted, max_rounds=10_000)
    except ResolutionImpossible as error:
        cause = next(iter(error.causes))
        raise _refused(cause.requirement, cause.parent, usable, locked) from error
    return {each.name for each in found.mapping.values() if each.is_locked}


class _Choices(AbstractProvider[_Wanted, _Candidate, _Identifier]):
    """Two candidates at most of each package: that of the base, then the locked one."""

    def __init__(
        self,
        locked: Mapping[str, Distribution],
        base: Mapping[str, Distribution],
        markers: Mapping[str, str],
    ) -> None:
        self._locked, self._base, self._markers = locked, base, markers

    def identify(self, requirement_or_candidate: _Wanted | _Candidate) -> _Identifier:
        return requirement_or_candidate.name, requirement_or_candidate.extra

    def get_preference(
        self,
        identifier: _Identifier,
        resolutions: Any,  # noqa: ARG002
        candidates: Any,
        information: Any,  # noqa: ARG002
        backtrack_causes: Any,  # noqa: ARG002
    ) -> tuple[bool, _Identifier]:
        # where only one fits, that is known at once
        return len(list(candidates[identifier])) > 1, identifier

    def find_matches(
        self,
        identifier: _Identifier,
        requirements: Mapping[_Identifier, Iterator[_Wanted]],
        incompatibilities: Mapping[_Identifier, Iterator[_Candidate]],
    ) -> list[_Candidate]:
        name, extra = identifier
        wanted, excluded = [*requirements[identifier]], [*incompatibilities[identifier]]
        found = []
        for is_locked, source in ((False, self._base), (True, self._locked)):
            if name in source:
                candidate = _Candidate(name, extra, source[name], is_locked)
                if candidate not in excluded and all(
                    self.is_satisfied_by(each, candidate) for each in wanted
                ):
                    found.append(candidate)
        return found

    def is_satisfied_by(self, requirement: _Wanted, candidate: _Candidate) -> bool:
        same = requirement.same_as
        if same is not None and same.is_locked != candidate.is_locked:
            return False
        return accepts(requirement.specifier, candidate.distribution.version)

    def get_dependencies(self, candidate: _Candidate) -> Iterable[_Wanted]:
        if candidate.extra:
            yield _Wanted(candidate.name, "", candidate.name, SpecifierSet(), candidate)
        markers = {**self._markers, "extra": candidate.extra}
        for each in applicable(candidate.distribution.requires, markers):
            yield from _wanted(str(each))


def _wanted(text: str) -> Iterator[_Wanted]:
    """A requirement of a package, and of each of its extras."""
    requirement = Requirement(text)
    name = canonicalize_name(requirement.name)
    for extra in ("", *sorted(requirement.extras)):
        yield _Wanted(name, extra, text, requirement.specifier)


def _refused(
    wanted: _Wanted,
    parent: _Candidate | None,
    base: Mapping[str, Distribution],
    locked: Mapping[str, Distribution],
) -> LockError:
    who = parent.name if parent else "the environment file"
    versions = [each[wanted.name].version for each in (base, locked) if wanted.name in each]
    there = f"there is {' and '.join(versions)}" if versions else "there is none"
    return LockError(
        f"{who} requires {wanted.text}, and of {wanted.name} {there}",
        remedy="lock again with `polaris-parsl lock`, or choose another base",
    )
