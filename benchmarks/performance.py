"""docs/performance.md, made from its template, the bars and the stored results.

tests/lint/test_performance.py compares the committed page with them.
"""

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from rows import ROWS

HERE = Path(__file__).parent
RESULTS, BARS, TEMPLATE = HERE / "results", HERE / "bars.toml", "performance.md.j2"
PAGE = HERE.parent / "docs" / "performance.md"
NOT_YET = "not measured yet"


def tables(printed: str) -> list[dict[str, Any]]:
    """The Markdown tables in what a script has printed, each with the columns and rows of its cells."""
    found: list[dict[str, Any]] = []
    inside = False
    for line in printed.splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [each.strip() for each in line.strip().strip("|").split("|")]
        if not inside:
            found.append({"columns": cells, "rows": []})
        elif set("".join(cells)) - set("-:"):
            found[-1]["rows"].append(cells)
        inside = True
    return found


def stored(name: str) -> dict[str, Any] | None:
    """The stored result of a row; None if it was never measured."""
    if name not in {row.name for row in ROWS}:
        raise KeyError(f"there is no row {name!r}")
    file = RESULTS / f"{name}.json"
    found: dict[str, Any] | None
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    return found


def table(name: str, number: int = 0) -> str:
    """A table of a stored result in Markdown."""
    result = stored(name)
    if result is None:
        return NOT_YET
    return markdown(result["tables"][number])


def markdown(chosen: dict[str, Any]) -> str:
    """A table with columns and rows, in Markdown."""
    lines = [chosen["columns"], ["---"] * len(chosen["columns"]), *chosen["rows"]]
    text = "\n".join(f"| {' | '.join(each)} |" for each in lines)
    return text.replace(f"| {' | '.join(lines[1])} |", f"|{'|'.join(lines[1])}|", 1)


def measured(name: str) -> str:
    """When and on what a row was measured, in words."""
    result = stored(name)
    if result is None:
        return NOT_YET
    machine, versions = result["machine"], result["versions"]
    return (
        f"{result['date']}, {machine['cores']} cores of {machine['model']}, load {machine['load'][0]} before and "
        f"{machine['load'][1]} after; Parsl {versions['Parsl']}, Python {versions['Python']}"
    )


def cell(name: str, line: str, column: str) -> float | None:
    """A number of a stored result: that of the line with this first cell, below this column."""
    result = stored(name)
    if result is None:
        return None
    for each in result["tables"]:
        for row in each["rows"]:
            if row[0] == line and column in each["columns"]:
                return float(row[each["columns"].index(column)].replace(",", ""))
    raise KeyError(f"{name}: no line {line!r} with a column {column!r}")


@cache
def bars() -> list[dict[str, Any]]:
    """The bars."""
    found: list[dict[str, Any]] = tomllib.loads(BARS.read_text(encoding="utf-8"))["bar"]
    return found


def bars_table() -> str:
    """Each bar with what was measured, and the floor where it is not met."""
    lines = ["| what | page | ours | ours/page | bar | |", "|---|---|---|---|---|---|"]
    for bar in bars():
        ours = cell(bar["row"], bar["line"], bar["ours"])
        if ours is None:
            lines.append(f"| {bar['what']} | - | - | - | {_limit(bar)} | {NOT_YET} |")
            continue
        page = cell(bar["row"], bar["line"], bar["page"]) if "page" in bar else None
        value = ours / page if page else ours
        is_met = value >= bar["least"] if "least" in bar else value <= bar["most"]
        shown = [
            f"{page:g}" if page is not None else "-",
            f"{ours:g}",
            f"{value:.2g}" if page else "-",
        ]
        words = "met" if is_met else f"not met: {bar.get('floor', 'the reason is not known')}"
        lines.append(f"| {bar['what']} | {' | '.join(shown)} | {_limit(bar)} | {words} |")
    return "\n".join(lines)


def _limit(bar: dict[str, Any]) -> str:
    return f"≥ {bar['least']}" if "least" in bar else f"≤ {bar['most']}"


def performance_page() -> str:
    """The page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template(TEMPLATE).render(
        table=table, measured=measured, cell=cell, bars=bars_table()
    )
