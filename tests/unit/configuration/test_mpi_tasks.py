import ast
import re
from pathlib import Path
from typing import Any

import pytest
from parsl.executors import MPIExecutor
from parsl.executors.high_throughput.mpi_prefix_composer import compose_mpiexec_launch_cmd

import polaris_parsl
from polaris_parsl.configuration.mpi_tasks import complete_specification
from polaris_parsl.errors import OptionError


class Int64:
    """An integer that is no int, as numpy's."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


DOCUMENT = Path(__file__).parents[3] / "docs" / "configuration.md"


@pytest.mark.parametrize(
    "given",
    [
        {"num_nodes": 2, "num_ranks": 8},
        {"num_nodes": 2, "ranks_per_node": 4},
        {"num_ranks": 8, "ranks_per_node": 4},
        {"num_nodes": 2, "num_ranks": 8, "ranks_per_node": 4},
        {"num_nodes": "2", "num_ranks": "8"},
        {"num_nodes": Int64(2), "num_ranks": Int64(8)},
    ],
)
def test_two_counts_give_the_third_as_mpiexec_takes_it(given: dict[str, Any]) -> None:
    before = dict(given)
    complete = complete_specification(given, nodes_per_block=4)
    assert complete == {"num_nodes": 2, "num_ranks": 8, "ranks_per_node": 4}
    assert given == before
    _, prefix = compose_mpiexec_launch_cmd(complete, ["a", "b"])
    assert prefix.split()[:7] == ["mpiexec", "-n", "8", "-ppn", "4", "-hosts", "a,b"]


def test_ranks_that_do_not_divide_evenly_leave_the_last_node_fewer() -> None:
    complete = complete_specification({"num_nodes": 2, "num_ranks": 7}, nodes_per_block=2)
    assert complete["ranks_per_node"] == 4


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, r"an MPI executor has no parsl_resource_specification\n.*executors=\["),
        ({"num_nodes": 2}, "says too little"),
        ({"num_ranks": 8}, "says too little"),
        ({"num_nodes": 3, "num_ranks": 3}, "num_nodes=3, and its block has nodes_per_block=2"),
        (
            {"num_ranks": 12, "ranks_per_node": 4},
            "num_nodes=3, and its block has nodes_per_block=2",
        ),
        ({"num_nodes": 0, "num_ranks": 8}, "num_nodes=0"),
        ({"num_nodes": 2.5, "num_ranks": 8}, r"num_nodes=2\.5"),
        ({"num_nodes": True, "num_ranks": 8}, "num_nodes=True"),
        ({"num_nodes": "two", "num_ranks": 8}, "num_nodes='two'"),
        ({"num_nodes": 2, "num_ranks": 9, "ranks_per_node": 4}, "num_ranks=9 do not fit"),
        ({"num_nodes": 2, "num_ranks": 1}, "fill 1 of num_nodes=2"),
    ],
)
def test_what_no_block_could_run_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        complete_specification(given, nodes_per_block=2)


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Parsl's executor is given of each task."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(
        MPIExecutor,
        "submit",
        lambda _self, _func, specification, *_, **__: found.append(specification),
    )
    return found


def test_every_form_of_the_documents_is_submitted_complete_and_a_larger_task_is_not(
    submitted: list[dict[str, Any]], tmp_path: Path
) -> None:
    forms = re.findall(r"^parsl_resource_specification=(.*)", DOCUMENT.read_text(), re.MULTILINE)
    assert len(forms) == 4
    config = polaris_parsl.config(
        account="datascience",
        queue="preemptable",
        address="10.0.0.1",
        run_dir=tmp_path,
        nodes_per_block=4,
        max_workers_per_block=1,
    )
    (executor,) = config.executors
    for form in forms:
        executor.submit(print, ast.literal_eval(form))
    assert submitted == [{"num_nodes": 4, "num_ranks": 16, "ranks_per_node": 4}] * 4
    with pytest.raises(OptionError, match="num_nodes=5, and its block has nodes_per_block=4"):
        executor.submit(print, {"num_nodes": 5, "num_ranks": 5})
    assert len(submitted) == 4
