"""No fault of PBS loses a task, leaves a job, or is without a word: the rows of benchmarks/faults.py."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "faults.py"


def program() -> ModuleType:
    """The benchmark, as a module."""
    spec = importlib.util.spec_from_file_location("faults", PROGRAM)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FAULTS = program()
# Rows in which nothing can run, and what the user then reads.
IN_VAIN = {
    "qsub: unknown queue": "qsub: Unknown queue",
    "block held after failed starts": "too many failed attempts",
    "worker_init ends with exit 3": "exit code 3, at its line 2: exit 3",
}
# Rows that the user need not know of; silence of qstat may be over before it is asked.
QUIET = {"no fault", *(row for row in FAULTS.ROWS if row.startswith("qstat"))}


@pytest.mark.long
@pytest.mark.parametrize("row", FAULTS.ROWS)
def test_all_tasks_are_done_no_job_is_left_and_the_user_knows_why(row: str) -> None:
    result = FAULTS.run(row, "ours")
    assert result["jobs left"] == "0", result
    assert result["never ended"] == "0", result
    assert result["traceback"] == "no", result
    assert result["tasks done"] == ("0 of 6" if row in IN_VAIN else "6 of 6"), result
    assert IN_VAIN.get(row, "") in result["what the user sees"], result
    assert row in QUIET or result["what the user sees"] != "nothing", result
