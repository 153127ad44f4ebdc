"""Repair of a prefix: finish or delete what a killed command left, publish the modulefiles again."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from polaris_parsl.env.base.drift import Verdict
from polaris_parsl.env.prefix.cleanup import clean_up, find_removable
from polaris_parsl.env.prefix.lifecycle import Change, differences
from polaris_parsl.env.prefix.publish_modulefiles import publish_modulefiles
from polaris_parsl.env.prefix.releases import default_of, find_releases
from polaris_parsl.env.prefix.state import State, commit, read_state
from polaris_parsl.env.prefix.verify import verify_files
from polaris_parsl.env.receipt import LaterReceiptError
from polaris_parsl.errors import ReceiptError
from polaris_parsl.version import NAME


def repair(prefix: Path, *, dry_run: bool) -> Change:
    """Clean up, choose a default if there is none, publish the modulefiles.

    Raises:
        PrefixError: the prefix cannot be written.
        VersionError: the state is damaged.
    """
    if dry_run:
        before = read_state(prefix)
        done = [f"deleted: {path.relative_to(prefix)}" for path in find_removable(prefix)]
        done += differences(before, _with_default(prefix, before))
        done.append("modulefiles: written again if they differ from receipts and state")
        return Change(tuple(done), (f"{NAME} repair",), tuple(_beyond_repair(prefix)))
    done, left = clean_up(prefix)
    before, after = commit(prefix, "repair", lambda state: _with_default(prefix, state))
    done += differences(before, after)
    done += publish_modulefiles(prefix)
    notes = [*left, *_beyond_repair(prefix)]
    return Change(tuple(done), (f"{NAME} list",), tuple(notes))


def _with_default(prefix: Path, state: State) -> State:
    return replace(state, default=default_of(find_releases(prefix, state), state))


def _beyond_repair(prefix: Path) -> Iterator[str]:
    """Versions whose files differ from the receipt."""
    for release in find_releases(prefix, read_state(prefix)):
        receipt = release.read
        if isinstance(receipt, LaterReceiptError):
            yield f"{release.name} was made by a later version: {receipt.remedy}"
            continue
        if isinstance(receipt, ReceiptError):
            problems = [receipt.problem]
        else:
            found = verify_files(release.root, receipt, every_file=True)
            problems = [each.text for each in found if each.verdict is Verdict.BROKEN]
        for problem in problems:
            yield (
                f"{release.name} is damaged: {problem}; fix: {NAME} remove {release.name}, "
                "and install it again"
            )
