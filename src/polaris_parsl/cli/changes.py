"""Prints what the verbs of the life cycle changed."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.cli.say import say
from polaris_parsl.env.prefix.lifecycle import Change
from polaris_parsl.text import in_line

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
        say(f"nothing to change in {place}")
    else:
        say(f"would change in {place}:" if dry_run else f"changed in {place}:")
    for line in change.done:
        say(f"  {in_line(line)}")
    for note in change.notes:
        say(f"note: {in_line(note)}", to_errors=True)
    if dry_run:
        say("next: the same command without --dry-run")
    elif change.next:
        say(f"next: {'; '.join(f'{each}{option}' for each in change.next)}")
