"""Ids of jobs as users write them."""

import re

from polaris_parsl.sandbox.pbs.refusal import Refusal

_ID = re.compile(r"(\d+)(\..*)?")


def number_in(name: str) -> int | None:
    """The number of "28" or "28.polaris-pbs-01"; None for anything else."""
    match = _ID.fullmatch(name)
    return None if match is None else int(match[1])


def read_number(name: str) -> int:
    """The number of an id.

    Raises:
        Refusal: it is not an id.
    """
    number = number_in(name)
    if number is None:
        raise Refusal(1, f"illegally formed job identifier: {name}")
    return number
