"""Refuses a Parsl that is older than the tested ones, and warns of one that is newer."""

import functools
import re

from polaris_parsl.errors import BaseEnvironmentError, warn


def check_parsl() -> None:
    """Refuse a Parsl that is missing, or older than all that are tested; warn once of a newer one.

    Raises:
        BaseEnvironmentError: it is.

    Source: [parsl] in facts/polaris.toml; docs/compatibility.md has what was tested.
    """
    # Not at the top: `import polaris_parsl` costs next to nothing.
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    from polaris_parsl.facts.polaris import polaris  # noqa: PLC0415

    releases = polaris().parsl
    remedy = "load the polaris-parsl module, or `pip install --upgrade parsl` in your environment"
    try:
        found = version("parsl")
    except PackageNotFoundError:
        raise BaseEnvironmentError("there is no Parsl in this environment", remedy=remedy) from None
    if is_older(found, releases.oldest):
        raise BaseEnvironmentError(
            f"Parsl {found} is older than {releases.oldest}, the oldest that polaris_parsl works with",
            remedy=remedy,
        )
    if is_older(releases.newest_tested, found):
        _warn_of_newer(found, releases.newest_tested)


@functools.cache
def _warn_of_newer(found: str, tested: str) -> None:
    warn(
        f"Parsl {found} is newer than {tested}, the newest that polaris_parsl is tested with; "
        "rehearse your workflow (`polaris-parsl sandbox -- COMMAND`), or load the polaris-parsl "
        "module, which has a tested one"
    )


def is_older(found: str, than: str) -> bool:
    """Whether a release came before another."""
    return _numbers(found) < _numbers(than)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
