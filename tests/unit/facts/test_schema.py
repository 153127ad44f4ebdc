import datetime
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import polaris_parsl
from polaris_parsl.facts.polaris import polaris

DATA = Path(polaris_parsl.__file__).parent / "facts"
Tables = dict[str, Any]


def as_json(data: Tables) -> Tables:
    """The tables as JSON would have them: TOML's dates as text."""
    text: Tables = json.loads(json.dumps(data, default=datetime.date.isoformat))
    return text


def problems(data: Tables) -> list[str]:
    # takes its time, and every worker collects all tests
    from jsonschema import Draft202012Validator

    schema = json.loads((DATA / "polaris.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(data)]


@pytest.fixture
def tables() -> Tables:
    return as_json(tomllib.loads((DATA / "polaris.toml").read_text()))


def test_the_facts_follow_the_schema(tables: Tables) -> None:
    assert problems(tables) == []


def tables_with_conflicting_sources(data: Any) -> Iterator[dict[str, Any]]:
    entries = data if isinstance(data, list) else data.values()
    if isinstance(data, dict) and "conflicting_sources" in data:
        yield data
    for entry in entries:
        if isinstance(entry, dict | list):
            yield from tables_with_conflicting_sources(entry)


def test_a_conflicting_source_is_about_a_fact_of_its_table_and_states_another_value(
    tables: Tables,
) -> None:
    found = 0
    for table in tables_with_conflicting_sources(tables):
        for conflict in table["conflicting_sources"]:
            facts = table.get("values", table)
            # of a limit that one source does not know, the table has none
            assert conflict["fact"] in facts or conflict["fact"].startswith("max_"), conflict
            assert facts.get(conflict["fact"]) != conflict["other"]
            found += 1
    assert found == len(polaris().conflicting_sources) > 10


MISSING = object()
# Where the schema finds fault, the key that is damaged, and its new value.
DAMAGES: dict[str, tuple[str, tuple[str | int, ...], object]] = {
    "no source": ("$.node", ("node", "source"), MISSING),
    "no date": ("$.queue.debug", ("queue", "debug", "checked"), MISSING),
    "no reason for a default": ("$.defaults[0]", ("defaults", 0, "why"), MISSING),
    "no reason in a conflicting source": (
        "$.filesystems.conflicting_sources[0]",
        ("filesystems", "conflicting_sources", 0, "why"),
        MISSING,
    ),
    "no such day": ("$.queue.debug.checked", ("queue", "debug", "checked"), "2026-13-01"),
    "an unknown key": ("$.queue.debug", ("queue", "debug", "nodes_mx"), 2),
    "an unknown table": ("$", ("weather",), {"source": "sky", "checked": "2026-11-22"}),
    "a negative walltime": (
        "$.queue.small.walltime_max_minutes",
        ("queue", "small", "walltime_max_minutes"),
        -180,
    ),
    "text for a count": ("$.queue.debug.nodes_max", ("queue", "debug", "nodes_max"), "2"),
    "a claim for a count": ("$.queue.large.nodes_max", ("queue", "large", "nodes_max"), True),
    "jobs of nobody": ("$.queue.debug.max_run", ("queue", "debug", "max_run"), {"group": 1}),
    "no regular expression": (
        "$.pbs.reservation_pattern",
        ("pbs", "reservation_pattern"),
        "[AR",
    ),
    "no CPUs": ("$.node.accelerator[0].cpus", ("node", "accelerator", 0, "cpus"), "all"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_facts_do_not_follow_the_schema(tables: Tables, name: str) -> None:
    place, (*above, key), value = DAMAGES[name]
    table: Any = tables
    for each in above:
        table = table[each]
    if value is MISSING:
        del table[key]
    else:
        table[key] = value
    found = problems(tables)
    assert found
    assert all(text.startswith(f"{place}: ") for text in found)
