"""Tables of a facts file that say where they stand when something in them is missing."""

from pathlib import Path
from typing import Any, NoReturn

from polaris_parsl.errors import PolarisParslError

_SCHEMA = "polaris.schema.json"


class FactsError(PolarisParslError):
    """A table of the facts file lacks something, or has what cannot stand there."""


class Table(dict[str, Any]):
    """A table of TOML that knows its file and its name, such as "queue.debug"."""

    def __init__(self, entries: dict[str, Any], file: Path, name: str = "") -> None:
        super().__init__(entries)
        self.file, self.name = file, name

    def __missing__(self, key: str) -> NoReturn:
        self.refuse(f"{key} is missing")

    def refuse(self, problem: str) -> NoReturn:
        """Refuse what stands in the table.

        Raises:
            FactsError: always.
        """
        place = f"table [{self.name}]" if self.name else "its top"
        raise FactsError(
            f"{self.file}, {place}: {problem}",
            remedy=f"correct it there; {_SCHEMA} beside it says what each table has",
        )


def tables(entries: dict[str, Any], file: Path, name: str = "") -> Table:
    """The tables of a file, each with its name.

    Args:
        entries: as tomllib reads them.
        file: where they stand, for messages.
        name: of the table that they are of.
    """
    named = {
        key: _named(value, file, f"{name}.{key}" if name else key) for key, value in entries.items()
    }
    return Table(named, file, name)


def _named(value: Any, file: Path, name: str) -> Any:
    if isinstance(value, dict):
        return tables(value, file, name)
    if isinstance(value, list):
        return [_named(each, file, name) for each in value]
    return value
