"""`polaris-parsl rollback`: undo the last decision."""

from polaris_parsl.cli.changes import DryRun, print_change
from polaris_parsl.cli.places import own_prefix
from polaris_parsl.cli.roots import Prefix
from polaris_parsl.env.prefix.lifecycle import roll_back


def rollback(prefix: Prefix = None, dry_run: DryRun = False) -> None:
    """Undo the last change of the default or of a deprecation.

    Repeat it to undo the change before. It neither restores nor removes a version.
    """
    place = own_prefix(prefix)
    print_change(place, roll_back(place, dry_run=dry_run), given=prefix, dry_run=dry_run)
