"""How an environment of a user's own is tied to an install: by one `.pth` file in it.

`polaris-parsl venv` makes such environments. Python reads the file at each start: its first
path is the overlay's site-packages, and so it also is the record of which install that is.
"""

import json
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

LINK = "polaris-parsl.pth"
# In a run directory: the packages that the environment of the run had of its own.
PACKAGES = "environment.txt"


def install_of(folder: Path) -> Path | None:
    """The install that an environment stands on, as PREFIX/versions/VERSION.

    Args:
        folder: any directory.

    Returns:
        The path as it was recorded, whether or not it still exists; None where the directory
        is no such environment.
    """
    for link in sorted(folder.glob(f"lib/python3.*/site-packages/{LINK}")):
        for line in link.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            if line.startswith("/"):
                return _root(Path(line))
    return None


def own_packages() -> tuple[str, ...]:
    """What this process's environment has of its own, as requirements; none outside of one.

    Modules that no installer has put there are not known.
    """
    if install_of(Path(sys.prefix)) is None:
        return ()
    return tuple(sorted(set(_requirements(Path(sys.prefix)))))


def _requirements(folder: Path) -> Iterator[str]:
    places = [str(path) for path in folder.glob("lib/python3.*/site-packages")]
    for each in distributions(path=places):
        if not each.read_text("METADATA"):
            continue  # the rest of an installation that was broken off
        # where it did not come from an index, pip notes from where it did (PEP 610)
        told = json.loads(each.read_text("direct_url.json") or "{}")
        if "vcs_info" in told:
            vcs = told["vcs_info"]
            yield f"{each.name} @ {vcs['vcs']}+{told['url']}@{vcs['commit_id']}"
        elif told:
            yield f"{each.name} @ {told['url']}"
        else:
            yield f"{each.name}=={each.version}"


def own_install() -> Path | None:
    """The install that this package was imported from; None where it lies in none."""
    site_packages = Path(__file__).parents[1]
    # a source tree may lie nearer to the root of the file system than any install
    if not {"overlay", "tools"} & {each.name for each in site_packages.parents[2:3]}:
        return None
    root = _root(site_packages)
    return root if (root / "bin" / "polaris-parsl").is_file() else None


def is_same_place(one: Path, other: Path) -> bool:
    """Whether two paths are one directory, by whatever names of its file system."""
    return one == other or (one.exists() and other.exists() and one.samefile(other))


def _root(site_packages: Path) -> Path:
    # ROOT/overlay/lib/python3.12/site-packages
    return site_packages.parents[3]
