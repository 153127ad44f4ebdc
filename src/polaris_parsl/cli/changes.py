"""Prints what the verbs of the life cycle changed."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.env.prefix.lifecycle import Change

DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Print what would change; change nothing.", show_default=False),
]


def print_change(place: Path, change: Change, *, given: Path | None, dry_run: bool) -> None:
    """Print what changed, or would, and the next command.

    Args:
        place: the prefix.
        change: what changed.
        given: the prefix as the user named it; None for the prefix of the install.
        dry_run: whether nothing was changed.
    """
    option = f" --prefix {shlex.quote(str(place))}" if given else ""
    if not change.done:
        print(f"nothing to change in {place}")
    else:
        print(f"would change in {place}:" if dry_run else f"changed in {place}:")
    for line in change.done:
        print(f"  {line}")
    for note in change.notes:
        print(f"note: {note}", file=sys.stderr)
    if dry_run:
        print("next: the same command without --dry-run")
    elif change.next:
        print(f"next: {'; '.join(f'{each}{option}' for each in change.next)}")
