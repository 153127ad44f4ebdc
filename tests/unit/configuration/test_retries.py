"""What a failure costs of `retries`."""

import math
from typing import Any

import pytest
from parsl.executors.errors import BadStateException
from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost

import polaris_parsl
from polaris_parsl.configuration.parsl_internals.node_lost import NodeLost
from polaris_parsl.errors import TaskError

TASK: dict[str, Any] = {"id": 5, "func_name": "simulate", "executor": "htex"}


@pytest.fixture
def config(tmp_path: Any) -> Any:
    return polaris_parsl.config(account="datascience", address="10.0.0.1", run_dir=tmp_path)


@pytest.mark.parametrize(
    "error",
    [NodeLost(b"pool", "n1", "0", 12.0, ""), ManagerLost(b"pool", "n1")],
    ids=["ours", "parsl's"],
)
def test_a_task_that_was_lost_with_its_node_costs_nothing(config: Any, error: Exception) -> None:
    assert config.retry_handler(error, TASK) == 0


@pytest.mark.parametrize("error", [ValueError("own"), WorkerLost(0, "n1")])
def test_a_task_that_failed_or_killed_its_worker_costs_a_retry(
    config: Any, error: Exception
) -> None:
    assert config.retry_handler(error, TASK) == 1


def test_no_retry_helps_when_no_executor_is_left(config: Any) -> None:
    (executor,) = config.executors
    assert config.retry_handler(BadStateException(executor, "over"), TASK) == math.inf


def test_a_block_that_lives_longer_than_its_walltime_was_ended_by_it(config: Any) -> None:
    (executor,) = config.executors
    judge = executor.watch.judge
    block = judge.ask("0")
    block.began = -1e9
    for _ in range(2):
        assert config.retry_handler(NodeLost(b"pool", "n1", "0", 3492.0, ""), TASK) == 0
    with pytest.raises(TaskError, match=r"walltime of 1:00:00 3 times"):
        config.retry_handler(NodeLost(b"pool", "n1", "0", 3492.0, ""), TASK)
