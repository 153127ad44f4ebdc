"""A task whose worker has died says what ended the worker, on the driver, too."""

import pickle
import subprocess
import sys

import pytest

from polaris_parsl.configuration.parsl_internals.node_lost import NodeLost, WorkerKilled


@pytest.mark.parametrize(
    ("exitcode", "words"),
    [
        (-11, "was killed by SIGSEGV"),
        (-9, "was killed by SIGKILL, as when the memory of a node runs out"),
        (3, "has ended with exit code 3"),
    ],
)
def test_what_ended_a_worker_reaches_the_driver(exitcode: int, words: str) -> None:
    found = pickle.loads(pickle.dumps(WorkerKilled(2, "n1", exitcode, "3")))
    assert found.block == "3"
    assert str(found) == f"the worker of this task (worker 2 on n1) {words}"


def test_a_lost_node_reaches_the_driver_with_block_time_and_reason() -> None:
    found = pickle.loads(pickle.dumps(NodeLost(b"pool", "n1", "3", 12.5, "why")))
    assert (found.hostname, found.block, found.seconds, found.reason) == ("n1", "3", 12.5, "why")


def test_the_pool_is_parsls_and_takes_its_options() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "polaris_parsl.configuration.parsl_internals.worker_pool"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "process_worker_pool.py: error: the following arguments" in done.stderr
