"""What differs from the receipt of the install when a run begins: a look of some 30 ms at names and versions.

`polaris-parsl verify` looks closer (docs/drift.md). This runs in users' environments, in each driver.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from polaris_parsl.configuration.image import choose_image
from polaris_parsl.files import digest
from polaris_parsl.installs import content_of_receipt, is_same_place, overlay_of, own_install
from polaris_parsl.version import NAME

_CHANGES_MAX = 20
_METADATA = (".dist-info", ".egg-info")


@dataclass(frozen=True)
class InstallAtStart:
    """The install that a run uses, and what was different when it began.

    Attributes:
        root: its directory.
        locks: sha256 of each lock that it was made from.
        base_module: the module that its base came from; None without one.
        drift: what differs from its receipt; None if that cannot be read.
    """

    root: str
    locks: Mapping[str, str] | None
    base_module: str | None
    drift: list[str] | None

    def as_facts(self) -> dict[str, Any]:
        """For the record of the run."""
        return asdict(self)


def look_at_install(
    root: Path | None = None, path: Sequence[str] | None = None
) -> InstallAtStart | None:
    """Compare the install that runs with its receipt.

    Args:
        root: the install; by default that of this package.
        path: where modules are searched; by default sys.path.

    Returns:
        What was found; None if this is no install, but a source tree.
    """
    found = root or own_install()
    if found is None:
        return None
    try:
        receipt = json.loads(content_of_receipt(found, with_files=False))
        changes = list(_changes(receipt, found, sys.path if path is None else path))
        module = (receipt["base"]["module"] or {}).get("name")
        locks = {str(name): str(value) for name, value in receipt["locks"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return InstallAtStart(str(found), None, None, None)
    if len(changes) > _CHANGES_MAX:
        more = len(changes) - _CHANGES_MAX
        changes = [*changes[:_CHANGES_MAX], f"and {more} more differences"]
    return InstallAtStart(str(found), locks, module, changes)


def _changes(receipt: Mapping[str, Any], root: Path, path: Sequence[str]) -> Iterator[str]:
    base, own = receipt["base"], overlay_of(root)
    if sys.version != base["interpreter"]["build"]:
        yield (
            f"Python of the base: {' '.join(base['interpreter']['build'].split())} "
            f"-> {' '.join(sys.version.split())}"
        )
    above, folders = Path(sys.base_prefix), [Path(each) for each in path if each]
    if not is_same_place(Path(base["prefix"]), above):
        yield f"the base is {above}; it was {base['prefix']}"
    # an environment may lie below the base that it was made on
    others = {Path(sys.prefix), root}
    of_base = [each for each in folders if above in each.parents and not others & {*each.parents}]
    was = {name: str(entry["version"]) for name, entry in base["distributions"].items()}
    yield from _differences("of the base", was, _distributions(of_base))
    yield from _start_files(base["start_files"], above, of_base)
    overlay = {each["name"]: str(each["version"]) for each in receipt["overlay"]}
    overlay[NAME] = str(receipt["version"])
    there = _distributions([each for each in folders if own in each.parents])
    yield from _differences("of the overlay", overlay, there)
    if (image := choose_image()).changed:
        yield image.why


def _distributions(folders: Sequence[Path]) -> dict[str, str]:
    """Versions by name, from the names of metadata; "" where that does not tell the version."""
    found: dict[str, str] = {}
    for folder in folders:
        try:
            names = sorted(each.name for each in folder.iterdir())
        except OSError:
            continue
        for name in names:
            if name.endswith(_METADATA) and not name.startswith(("~", ".")):
                first, _, rest = name.rpartition(".")[0].partition("-")
                found.setdefault(re.sub(r"[-_.]+", "-", first).lower(), rest.partition("-")[0])
    return found


def _differences(whose: str, was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(was.keys() | now.keys()):
        before, after = was.get(name), now.get(name)
        if after is None:
            yield f"{name} {before} {whose} is gone"
        elif before is None:
            yield f"{name} {after} {whose} is new"
        # a receipt lists all that lie side by side
        elif after and before and after not in before.split(", "):
            yield f"{name} {whose}: {before} -> {after}"


def _start_files(
    was: Mapping[str, str | None], above: Path, folders: Sequence[Path]
) -> Iterator[str]:
    """Files that each Python reads when it starts."""
    there = {
        str(each.relative_to(above)): each for folder in folders for each in folder.glob("*.pth")
    }
    for name in sorted(was.keys() | there.keys()):
        place = above / name
        if name not in was:
            yield f"{name} of the base, which each Python reads, is new"
        elif not place.is_file():
            yield f"{name} of the base, which each Python reads, is gone"
        elif was[name] is not None and digest(place) != was[name]:
            yield f"{name} of the base, which each Python reads, has changed"
