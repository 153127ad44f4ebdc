import tomllib
from pathlib import Path

import pytest

from polaris_parsl.facts import polaris as facts
from polaris_parsl.facts.polaris import polaris, source
from polaris_parsl.facts.queues import read_queue
from polaris_parsl.facts.tables import FactsError, Table, tables

FILE = Path("/somewhere/polaris.toml")
QUEUE = """
[queue.demand]
nodes_min = 1
nodes_max = 56
walltime_min_minutes = 5
walltime_max_minutes = 60
checked = 2026-11-22
"""


def read(text: str) -> Table:
    return tables(tomllib.loads(text), FILE)


def test_a_queue_without_source_is_named_with_its_file_and_table() -> None:
    with pytest.raises(
        FactsError, match=r"polaris\.toml, table \[queue\.demand\]: source is missing"
    ):
        read_queue("demand", read(QUEUE)["queue"]["demand"])


def test_a_queue_with_an_unknown_fact_is_named_too() -> None:
    with pytest.raises(FactsError, match=r"\[queue\.demand\]: colour is not known"):
        read_queue("demand", read(QUEUE + 'source = "x"\ncolour = "red"')["queue"]["demand"])


def test_every_table_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        facts, "_read", lambda: read("[system]\nname = 'Polaris'\n[node]\ncores = 32")
    )
    polaris.cache_clear()
    with pytest.raises(FactsError, match=r"its top: queue is missing"):
        polaris()
    polaris.cache_clear()
    with pytest.raises(FactsError, match=r"table \[node\]: source is missing"):
        source("node")
