"""Reads a file of faults, for a rehearsal that runs alone."""

import tomllib
from pathlib import Path
from typing import Any

from polaris_parsl.errors import SandboxError
from polaris_parsl.sandbox.faults.fault import Fault

_TEXTS = {"kind": "kind", "target": "target", "when": "when"}
_SECONDS = {"after": "after", "for": "lasts", "by": "by"}


def read_faults(path: Path) -> tuple[Fault, ...]:
    """The faults of a TOML file, one table `[[fault]]` each.

    Raises:
        SandboxError: the file cannot be read, or a fault in it cannot be made.
    """
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SandboxError(
            f"cannot read the faults of {path}: {error}",
            remedy="give a TOML file of [[fault]] tables",
        ) from error
    tables = data.pop("fault", [])
    if data or not isinstance(tables, list) or not tables:
        raise SandboxError(
            f"{path} holds {', '.join(data) or 'no faults'}",
            remedy="write only [[fault]] tables in it",
        )
    return tuple(_fault(table, f"{path}, fault {number}") for number, table in enumerate(tables, 1))


def _fault(table: Any, place: str) -> Fault:
    if not isinstance(table, dict) or "kind" not in table:
        raise SandboxError(f"{place} has no kind", remedy='write kind = "..." in it')
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name in _TEXTS and isinstance(value, str):
            values[_TEXTS[name]] = value
        elif name in _SECONDS and isinstance(value, int | float) and not isinstance(value, bool):
            values[_SECONDS[name]] = float(value)
        else:
            known = ", ".join((*_TEXTS, *_SECONDS))
            raise SandboxError(
                f"{place}: {name} = {value!r}",
                remedy=f"write texts and seconds only; keys: {known}",
            )
    try:
        return Fault(**values)
    except SandboxError as error:
        raise SandboxError(f"{place}: {error.problem}", remedy=error.remedy) from None
