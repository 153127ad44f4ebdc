"""`polaris-parsl repair`: finish or clean up what a killed command left."""

from polaris_parsl.cli.changes import DryRun, print_change
from polaris_parsl.cli.places import own_prefix
from polaris_parsl.cli.roots import Prefix
from polaris_parsl.env.prefix import repair as repairing


def repair(prefix: Prefix = None, dry_run: DryRun = False) -> None:
    """Finish what a killed command left, and render the modulefiles again.

    It finishes removals, cleans up unfinished installs and names damaged versions.
    """
    place = own_prefix(prefix)
    print_change(place, repairing.repair(place, dry_run=dry_run), given=prefix, dry_run=dry_run)
