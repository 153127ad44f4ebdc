"""`polaris-parsl default`: the version that is loaded when none is named."""

from typing import Annotated

import typer

from polaris_parsl.cli.changes import DryRun, print_change
from polaris_parsl.cli.roots import Prefix, own_prefix
from polaris_parsl.env.prefix.lifecycle import set_default


def default(
    version: Annotated[str, typer.Argument(help="The version, as `polaris-parsl list` shows it.")],
    prefix: Prefix = None,
    dry_run: DryRun = False,
) -> None:
    """Choose the version that `module load polaris-parsl` loads."""
    place = own_prefix(prefix)
    change = set_default(place, version, dry_run=dry_run)
    print_change(place, change, given=prefix, dry_run=dry_run)
