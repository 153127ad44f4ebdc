"""Packages of the user that would come before those of an install.

An install never takes them into account; a job would.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

from polaris_parsl.env.drift import Finding, Verdict

# scripts/bootstrap.py sets PYTHONPATH for itself, and keeps the user's here
_GIVEN = "POLARIS_BOOTSTRAP_PYTHONPATH"


def shadows(names: AbstractSet[str], *, minor: str, env: Mapping[str, str]) -> list[Finding]:
    """Which of these distributions PYTHONPATH or the user site hold too.

    Args:
        names: normalised names of distributions.
        minor: version of Python, as 3.12.
        env: environment variables of the user.
    """
    return [
        Finding(
            Verdict.RELEVANT,
            f"{place} holds {', '.join(found)}: {why} comes before the install",
            remedy=remedy,
        )
        for place, why, remedy in _places(minor, env)
        if (found := sorted(names & _held(place)))
    ]


def ignored(names: Collection[str], *, minor: str, env: Mapping[str, str]) -> tuple[str, ...]:
    """What an install leaves out of account, in words: it never looks where the user's packages are.

    Args:
        names: normalised names of the locked distributions.
        minor: version of Python, as 3.12.
        env: environment variables of the user.
    """
    everywhere = {key: value for key, value in env.items() if key != "PYTHONNOUSERSITE"}
    found = shadows(frozenset(names), minor=minor, env=everywhere)
    return tuple(f"not taken into account: {each.text}; for jobs: {each.remedy}" for each in found)


def _places(minor: str, env: Mapping[str, str]) -> Iterator[tuple[Path, str, str]]:
    for word in env.get(_GIVEN, env.get("PYTHONPATH", "")).split(":"):
        if word:
            yield Path(word), "PYTHONPATH", "`unset PYTHONPATH` before you start Python"
    if not env.get("PYTHONNOUSERSITE"):
        user = Path(env.get("PYTHONUSERBASE") or Path(env.get("HOME", "/"), ".local"))
        place = user / "lib" / f"python{minor}" / "site-packages"
        yield place, "the user site", "load the module, or `export PYTHONNOUSERSITE=1`"


def _held(folder: Path) -> set[str]:
    """Normalised names of what can be imported from a directory, or is installed in it."""
    try:
        entries = [entry.name for entry in folder.iterdir()]
    except OSError:
        return set()
    stems = (re.split(r"-\d|\.(?:dist|egg)-info$|\.py$", entry)[0] for entry in entries)
    return {re.sub("[-_.]+", "-", stem).lower() for stem in stems}
