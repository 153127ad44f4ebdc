"""Packages of the user that would come before those of an install.

Python looks into PYTHONPATH first, then into the overlay, the user site and the
base. An install takes none of the user's into account; a job would.
"""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

from polaris_parsl.env.base.drift import Verdict, VerifyFinding
from polaris_parsl.env.variables import of_user


def find_shadowed_packages(
    locked: AbstractSet[str], from_base: AbstractSet[str], *, minor: str, env: Mapping[str, str]
) -> list[VerifyFinding]:
    """Which distributions of an install the user has too, where Python looks earlier.

    Args:
        locked: normalised names of the distributions of overlay.lock.
        from_base: names of those that the overlay uses from the base.
        minor: version of Python, as 3.12.
        env: environment variables of the user.
    """
    env = of_user(env)
    found = []
    for word in env.get("PYTHONPATH", "").split(":"):
        if word and (names := (locked | from_base) & held(Path(word))):
            text = f"PYTHONPATH: {word} holds {_listed(names)}, which come before the install's"
            remedy = "`unset PYTHONPATH` before you start Python"
            found.append(VerifyFinding(Verdict.RELEVANT, text, remedy))
    user = Path(env.get("PYTHONUSERBASE") or Path(env.get("HOME", "/"), ".local"))
    site = user / "lib" / f"python{minor}" / "site-packages"
    if not env.get("PYTHONNOUSERSITE") and (names := from_base & held(site)):
        text = f"user site: {site} holds {_listed(names)}, which come before the base's"
        remedy = "load the module, or `export PYTHONNOUSERSITE=1`"
        found.append(VerifyFinding(Verdict.RELEVANT, text, remedy))
    return found


def _listed(names: AbstractSet[str]) -> str:
    return ", ".join(sorted(names))


def held(folder: Path) -> set[str]:
    """Normalised names of what can be imported from a directory, or is installed in it."""
    try:
        entries = [entry.name for entry in folder.iterdir()]
    except OSError:
        return set()
    stems = (re.split(r"-\d|\.(?:dist|egg)-info$|\.py$", entry)[0] for entry in entries)
    return {re.sub("[-_.]+", "-", stem).lower() for stem in stems}
