"""Looks whether the installed Parsl still has all that polaris_parsl uses of its inside."""

import functools
from importlib.metadata import version

from polaris_parsl.configuration.parsl_internals import (
    blocks,
    logs,
    measured,
    memo,
    plain_data,
    pool,
    submission,
)
from polaris_parsl.configuration.parsl_internals.internal import Internal
from polaris_parsl.configuration.parsl_version import is_older
from polaris_parsl.errors import BaseEnvironmentError
from polaris_parsl.facts.polaris import polaris

INTERNALS: tuple[Internal, ...] = (
    *blocks.INTERNALS,
    *pool.INTERNALS,
    *submission.INTERNALS,
    *memo.INTERNALS,
    *measured.INTERNALS,
    *logs.INTERNALS,
    *plain_data.INTERNALS,
)


def changed_internals(release: str) -> list[Internal]:
    """What of INTERNALS the installed Parsl does not have as it is used.

    Args:
        release: of the installed Parsl; an older one need not have everything.
    """
    due = [each for each in INTERNALS if not is_older(release, each.since)]
    return [each for each in due if not each.is_there()]


@functools.cache
def check_parsl_internals() -> None:
    """Refuse a Parsl whose inside has changed; looked at once in a process.

    Raises:
        BaseEnvironmentError: it has, with the name of each thing that has changed.
    """
    release = version("parsl")
    changed = changed_internals(release)
    if changed:
        lines = "".join(f"\n    {each.name}: {each.purpose}" for each in changed)
        newest = polaris().parsl.newest_tested
        raise BaseEnvironmentError(
            f"Parsl {release} has changed what polaris_parsl uses of its inside:{lines}",
            remedy=f"use a tested Parsl: load the polaris-parsl module, or `pip install "
            f"parsl=={newest}` in your environment",
        )
