"""Facts of which another source states another value."""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ConflictingSource:
    """A value that is not used, where the table that it belongs to holds the one that is.

    Attributes:
        fact: key of the fact in its table.
        other: the value that the other source states.
        source: the other source.
        checked: day on which a person read it.
        why: why this value is not the one that is used.
    """

    fact: str
    other: Any
    source: str
    checked: datetime.date
    why: str

    def __str__(self) -> str:
        return f"{self.fact} = {show(self.other)} in {self.source}; not used because {self.why}"


def conflicting_sources_of(table: Mapping[str, Any]) -> tuple[ConflictingSource, ...]:
    """The conflicting sources of one table."""
    return tuple(ConflictingSource(**entry) for entry in table.get("conflicting_sources", ()))


def all_conflicting_sources(data: Any, place: str = "") -> Iterator[tuple[str, ConflictingSource]]:
    """All conflicting sources in the tables below, each with the name of its table."""
    if isinstance(data, list):
        for entry in data:
            yield from all_conflicting_sources(entry, place)
    elif isinstance(data, Mapping):
        yield from ((place, conflict) for conflict in conflicting_sources_of(data))
        for name, entry in data.items():
            if name != "conflicting_sources":
                yield from all_conflicting_sources(entry, f"{place}.{name}".removeprefix("."))


def show(value: Any) -> str:
    """A value of a fact as a person writes it.

    Args:
        value: number, text, list, or jobs by whom they are counted for.
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{count}/{scope}" for scope, count in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
