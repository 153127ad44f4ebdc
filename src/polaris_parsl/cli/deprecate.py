"""`polaris-parsl deprecate`: warn the users of a version that will be removed."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from polaris_parsl.cli.changes import DryRun, print_change
from polaris_parsl.cli.places import own_prefix
from polaris_parsl.cli.roots import Prefix
from polaris_parsl.env.prefix.lifecycle import deprecate as deprecate_version
from polaris_parsl.env.prefix.state import Deprecation


def deprecate(
    *,
    version: Annotated[str, typer.Argument(help="The version, as `polaris-parsl list` shows it.")],
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until", formats=["%Y-%m-%d"], help="The last day on which the version is available."
        ),
    ] = None,
    because: Annotated[
        str | None,
        typer.Option(
            "--because", help="The reason and the replacement, in one line for its users."
        ),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Remove the notice.")] = False,
    prefix: Prefix = None,
    dry_run: DryRun = False,
) -> None:
    """Show a deprecation notice when a version is loaded.

    The notice gives the end date and the reason. The version works as before until `polaris-parsl remove` removes it.
    """
    if undo == bool(until or because) or (not undo and not (until and because)):
        raise typer.BadParameter("give --until and --because, or --undo alone")
    notice = Deprecation(until.date(), because) if until and because else None
    today = datetime.now(UTC).date()
    place = own_prefix(prefix)
    change = deprecate_version(place, version, notice, today=today, dry_run=dry_run)
    print_change(place, change, given=prefix, dry_run=dry_run)
