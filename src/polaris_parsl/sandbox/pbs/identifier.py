"""Ids of jobs as users write them."""

import re

from polaris_parsl.sandbox.pbs.refusal import Refusal

_ID = re.compile(r"(\d+(?:\[\d*\])?)(\..*)?")
_SUBJOBS = re.compile(r"(\d+)\[(\d+)-(\d+)\](\..*)?")


def key_in(name: str) -> str | None:
    """What an id has before the server, as "28", "28[]" of an array, "28[1]" of a subjob; None if it is none."""
    match = _ID.fullmatch(name)
    return None if match is None else match[1]


def read_key(name: str) -> str:
    """What an id has before the name of the server.

    Raises:
        Refusal: it is not an id.
    """
    key = key_in(name)
    if key is None:
        raise Refusal(1, f"illegally formed job identifier: {name}")
    return key


def each_subjob(name: str) -> list[str]:
    """The ids of "28[1-3]", which names several subjobs; of another id, itself."""
    match = _SUBJOBS.fullmatch(name)
    if match is None:
        return [name]
    number, first, last, server = match.groups()
    return [f"{number}[{index}]{server or ''}" for index in range(int(first), int(last) + 1)]
