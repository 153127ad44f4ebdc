"""What PBS, nodes and users do to a run loses no task, leaves no job, and is said: the rows of benchmarks/faults.py."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def program() -> ModuleType:
    """The benchmark, as a module."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        return importlib.import_module("faults")
    finally:
        del sys.path[0]


FAULTS = program()
# Exit codes of a driver that a signal has ended; of the others it is 0.
CODES = {
    "SIGTERM": "143",
    "SIGHUP": "129",
    "Ctrl-C": "130",
    "Ctrl-C twice": "130",
    "Ctrl-C while its block starts": "130",
    "an exception": "1",
    "sys.exit": "1",
    "kill -9": "137",
}


def test_the_table_of_the_documents_has_every_row_or_names_it_as_not_run() -> None:
    table, _, not_run = (ROOT / "docs" / "failures-table.md").read_text().partition("## Not run")
    for name in FAULTS.ROWS:
        for run in ("Parsl alone", "polaris_parsl"):
            found = [line for line in table.splitlines() if line.startswith(f"| {name} | {run} | ")]
            named = not_run.splitlines().count(f"- {name}, {run}")
            assert len(found) + named == 1, (name, run)


@pytest.mark.long
@pytest.mark.parametrize("name", FAULTS.ROWS)
def test_all_tasks_are_done_no_job_is_left_and_the_user_knows_why(name: str) -> None:
    row = FAULTS.ROWS[name]
    result = FAULTS.run(name, "ours")
    assert result["jobs left"] == "0", result
    assert row.said in result["what the user sees"], result
    has_traceback = "Ctrl-C" in name or name == "driver: an exception"
    assert result["traceback"] == ("yes" if has_traceback else "no"), result
    assert result["exit code"].split(", ")[-1] == CODES.get(name.removeprefix("driver: "), "0"), (
        result
    )
    if row.done is not None:
        count = 2 * row.tasks if row.script == "two" else row.tasks
        assert result["done"] == f"{row.done} of {count}", result
        assert result["never ended"] == "0", result
    if name == "every result is in checkpoints":
        assert (result["jobs"], result["run again"]) == ("1", "0"), result
