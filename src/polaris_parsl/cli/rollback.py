"""`polaris-parsl rollback`: take back the last decision."""

from polaris_parsl.cli.changes import DryRun, print_change
from polaris_parsl.cli.roots import Prefix, own_prefix
from polaris_parsl.env.prefix.lifecycle import roll_back


def rollback(prefix: Prefix = None, dry_run: DryRun = False) -> None:
    """Go back to default and deprecations as they were before the last change; again, one more.

    Versions that were removed do not come back, and none is removed.
    """
    place = own_prefix(prefix)
    print_change(place, roll_back(place, dry_run=dry_run), given=prefix, dry_run=dry_run)
