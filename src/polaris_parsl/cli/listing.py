"""What `polaris-parsl list` prints; also called by `start`, without typer."""

import json
import shlex
import time
from pathlib import Path
from typing import Any

from polaris_parsl.cli.places import own_prefix
from polaris_parsl.cli.say import say
from polaris_parsl.env.prefix.permissions import user_name
from polaris_parsl.env.prefix.releases import Release, default_of, find_releases, hidden
from polaris_parsl.env.prefix.state import State, read_state
from polaris_parsl.env.receipt import LaterReceiptError, Receipt
from polaris_parsl.errors import ReceiptError
from polaris_parsl.files import is_there
from polaris_parsl.installs import receipt_of
from polaris_parsl.text import in_line
from polaris_parsl.version import NAME

_HEAD = ("version", "default", "age", "size", "built by", "base", "state")
_UNITS = (("d", 86400), ("h", 3600), ("min", 60))


def print_versions(prefix: Path | None, *, as_json: bool) -> None:
    """Print the versions of a prefix.

    Args:
        prefix: as on the command line.
        as_json: for programs.

    Raises:
        PrefixError: there is no such prefix.
        VersionError: its state is damaged.
    """
    place = own_prefix(prefix)
    state = read_state(place)
    releases = find_releases(place, state)
    rows = [_facts(each, state, releases) for each in releases]
    if as_json:
        listed = {"prefix": str(place), "generation": state.generation, "versions": rows}
        say(json.dumps(listed, indent=2))
        return
    if not rows:
        say(f"{place} has no versions")
        say(f"next: scripts/install.sh --prefix {shlex.quote(str(place))}")
        return
    lines = [_HEAD, *map(_line, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        say("  ".join(cells).rstrip())
    if state.generation:
        say(f"last change: {state.change}, by {state.by}, {state.at}")
    say(f"next: module load {NAME}/VERSION; {NAME} default VERSION")


def _facts(release: Release, state: State, releases: list[Release]) -> dict[str, Any]:
    read = release.read_head
    receipt = read if isinstance(read, Receipt) else None
    try:
        status = receipt_of(release.root).stat()
    except OSError:
        status = release.root.stat()
    remarks = []
    if release.name in hidden(releases, state):
        remarks.append("hidden: a pre-release")
    if deprecation := state.deprecated.get(release.name):
        remarks.append(f"deprecated until {deprecation.until}: {deprecation.because}")
    if isinstance(read, LaterReceiptError):
        remarks.append(f"made by a later version: {read.remedy}")
    elif isinstance(read, ReceiptError):
        remarks.append(f"damaged: {read.problem}")
    elif receipt and not is_there(Path(receipt.base["executable"])):
        remarks.append("its base is gone")
    return {
        "version": release.name,
        "is_default": release.name == default_of(releases, state),
        "base": receipt.base_words if receipt else "?",
        "state": remarks or ["ok"],
        "age_seconds": max(0, int(time.time() - status.st_mtime)),
        "size_bytes": receipt.size_bytes if receipt else None,
        "built_by": user_name(status.st_uid),
        "root": str(release.root),
    }


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    cells = (
        row["version"],
        "default" if row["is_default"] else "",
        _age(row["age_seconds"]),
        _size(row["size_bytes"]),
        row["built_by"],
        row["base"],
        "; ".join(row["state"]),
    )
    # a line break would start a row of its own
    return tuple(map(in_line, cells))


def _age(seconds: int) -> str:
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _size(size_bytes: int | None) -> str:
    return "?" if size_bytes is None else f"{size_bytes / 1e6:.0f} MB"
