"""`polaris-parsl default`: the version that is loaded when none is named."""

from typing import Annotated

import typer

from polaris_parsl.cli.changes import DryRun, print_change
from polaris_parsl.cli.places import own_prefix
from polaris_parsl.cli.roots import Prefix
from polaris_parsl.cli.say import say
from polaris_parsl.env.prefix.lifecycle import set_default
from polaris_parsl.env.prefix.releases import default_of, find_releases
from polaris_parsl.env.prefix.state import read_state


def default(
    version: Annotated[
        str | None,
        typer.Argument(
            help="The version, as `polaris-parsl list` shows it. Without it, print the default.",
            show_default=False,
        ),
    ] = None,
    prefix: Prefix = None,
    dry_run: DryRun = False,
) -> None:
    """Choose the version that `module load polaris-parsl` loads.

    Without a version, print the one that it loads now.
    """
    place = own_prefix(prefix)
    if version is None:
        state = read_state(place)
        say(default_of(find_releases(place, state), state) or "none")
        return
    change = set_default(place, version, dry_run=dry_run)
    print_change(place, change, given=prefix, dry_run=dry_run)
