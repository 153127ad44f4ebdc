"""`polaris-parsl remove`: remove a version that is not in use, or everything."""

import os
from typing import Annotated

import typer

from polaris_parsl.cli.changes import DryRun, print_change
from polaris_parsl.cli.places import own_prefix
from polaris_parsl.cli.roots import Prefix
from polaris_parsl.env.prefix import removal


def remove(
    version: Annotated[
        str | None,
        typer.Argument(help="The version, as `polaris-parsl list` shows it.", show_default=False),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Remove all versions, modulefiles and the state."),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Remove it even if PBS cannot be asked whether a job uses it, if it is the only "
            "version, or if people use it who cannot change the prefix; they are shown. What its "
            "owner, or a member of its group, is known to use is never removed.",
        ),
    ] = False,
    prefix: Prefix = None,
    dry_run: DryRun = False,
) -> None:
    """Remove a version unless a job or process uses it.

    Otherwise list the users: jobs of PBS, and processes of this host.
    """
    if everything == (version is not None):
        raise typer.BadParameter("name a version, or give --all")
    place = own_prefix(prefix)
    if version is None:
        change = removal.remove_all(place, force=force, dry_run=dry_run, env=os.environ)
    else:
        change = removal.remove(place, version, force=force, dry_run=dry_run, env=os.environ)
    print_change(place, change, given=prefix, dry_run=dry_run)
