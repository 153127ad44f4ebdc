"""Refuses a Parsl that this package was never right with, by its name."""

import re

from polaris_parsl.errors import BaseEnvironmentError


def check_parsl() -> None:
    """Refuse a Parsl that is missing, or older than the oldest that was tested.

    Raises:
        BaseEnvironmentError: it is.

    Source: [parsl] in facts/polaris.toml; docs/compatibility.md has what was tested.
    """
    # Not at the top: `import polaris_parsl` costs next to nothing.
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    from polaris_parsl.facts.polaris import polaris  # noqa: PLC0415

    oldest = polaris().parsl.oldest
    remedy = "load the polaris-parsl module, or `pip install --upgrade parsl` in your environment"
    try:
        found = version("parsl")
    except PackageNotFoundError:
        raise BaseEnvironmentError("there is no Parsl in this environment", remedy=remedy) from None
    if is_older(found, oldest):
        raise BaseEnvironmentError(
            f"Parsl {found} is older than {oldest}, the oldest that polaris_parsl works with",
            remedy=remedy,
        )


def is_older(found: str, than: str) -> bool:
    """Whether a release came before another."""
    return _numbers(found) < _numbers(than)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
