#!/usr/bin/env python3
"""Write the pages of docs/ that are made from the code: options.md, commands.md, facts.md, errors.md.

    .venv/bin/python scripts/reference_pages.py

Tests compare the committed pages with the code: tests/unit/options/test_reference.py, tests/unit/cli/test_reference.py.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from polaris_parsl import errors
from polaris_parsl.cli.reference import commands_page
from polaris_parsl.options.reference import reference_page

ROOT = Path(__file__).resolve().parents[1]
DOCS, FACTS = ROOT / "docs", ROOT / "src" / "polaris_parsl" / "facts" / "polaris.toml"
_ABOUT_FACTS = ("source", "checked", "doubt", "conflicting_sources")
_FACTS_HEAD = """\
# The facts

What polaris-parsl knows of Polaris, with the source of each fact and the day on which a person read it. Made by `scripts/reference_pages.py`
from [polaris.toml](../src/polaris_parsl/facts/polaris.toml), the one place for numbers and names of the system; how to change one stands
in [CONTRIBUTING](../CONTRIBUTING.md#how-to-add-). "ALCF docs/…" is the repository argonne-lcf/user-guides, published at
<https://docs.alcf.anl.gov/>. A table without a source of its own has that of the table above it.
"""
_ERRORS_HEAD = """\
# Errors

Each error of polaris-parsl is of one of these classes of `polaris_parsl.errors`, and names the problem with the value and the limit, and
the remedy. Made by `scripts/reference_pages.py`; the [README](../README.md#exit-codes-of-polaris-parsl) has all exit codes. [The
site](README.md#a-site-to-search) lists every text below [troubleshooting](troubleshooting.md), and `python scripts/messages.py` prints that list.
Other ids: [rules of `adopt`](adopt.md#the-rules), [checks of the doctor](doctor.md#the-checks), [faults of the sandbox](sandbox.md#faults).
"""


def errors_page() -> str:
    """The text of docs/errors.md."""
    lines = [_ERRORS_HEAD, "| class | exit code | what it means |", "|---|---|---|"]
    for name, each in vars(errors).items():
        if isinstance(each, type) and issubclass(each, errors.PolarisParslError):
            said = _cell((each.__doc__ or "").partition("\n")[0])
            lines.append(f"| `{name}` | {int(each.exit_code)} | {said} |")
    lines.append(
        f"| `{errors.PolarisParslWarning.__name__}` | | {errors.PolarisParslWarning.__doc__} |"
    )
    return "\n".join(lines) + "\n"


def facts_page() -> str:
    """The text of docs/facts.md."""
    lines = [_FACTS_HEAD]
    for name, table in _tables(tomllib.loads(FACTS.read_text(encoding="utf-8"))):
        lines += [f"## {name}", ""]
        values = {key: value for key, value in table.items() if _is_fact(key, value)}
        if values:
            lines += ["| fact | value |", "|---|---|"]
            lines += [f"| `{key}` | {_cell(_value(value))} |" for key, value in values.items()]
            lines.append("")
        lines += _about(table)
    return "\n".join(lines).rstrip() + "\n"


def _about(table: Mapping[str, Any]) -> Iterator[str]:
    """Where the facts of a table come from, and what speaks against them."""
    if "source" in table:
        yield f"Source: {_cell(table['source'])}, read {table['checked']}."
        yield ""
    if "doubt" in table:
        yield f"Doubt: {_cell(table['doubt'])}."
        yield ""
    for each in table.get("conflicting_sources", ()):
        yield (
            f"Another source: `{each['fact']}` is {_cell(_value(each['other']))} in {_cell(each['source'])}, read "
            f"{each['checked']}; not used: {_cell(each['why'])}."
        )
        yield ""


def _tables(data: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The tables of the file in its order, each before those below it."""
    if name:
        yield name, data
    for key, value in data.items():
        below = f"{name}.{key}".removeprefix(".")
        if isinstance(value, dict) and not _is_value(value):
            yield from _tables(value, below)
        elif key not in _ABOUT_FACTS and _is_list_of_tables(value):
            for number, each in enumerate(value, start=1):
                yield from _tables(each, f"{below} {number}")


def _is_fact(key: str, value: Any) -> bool:
    is_table = isinstance(value, dict) and not _is_value(value)
    return key not in _ABOUT_FACTS and not is_table and not _is_list_of_tables(value)


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _is_value(table: Mapping[str, Any]) -> bool:
    """Whether a small table is one value, such as jobs by whom they are counted for."""
    return table.keys() <= {"user", "project", "all"}


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{count}/{scope}" for scope, count in value.items())
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    return f"`{value}`" if isinstance(value, str) and value else str(value) or '`""`'


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PAGES = {
    DOCS / "options.md": reference_page,
    DOCS / "commands.md": commands_page,
    DOCS / "facts.md": facts_page,
    DOCS / "errors.md": errors_page,
}

if __name__ == "__main__":
    for page, made in PAGES.items():
        page.write_text(made(), encoding="utf-8")
        print(f"wrote {page.relative_to(ROOT)}")
