"""A pool says how its workers end, and does not start them again for ever."""

import subprocess
import sys
from typing import Any

import pytest

from polaris_parsl.configuration.parsl_internals.worker_starts import (
    EXIT_CODE,
    IDLE_ENDS,
    Workers,
    run_worker,
)


class Process:
    """A process that a test has end."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.exitcode: int | None = None


class EndedError(Exception):
    """The pool has ended."""


def end(code: int) -> Any:
    raise EndedError(code)


class Manager:
    """Parsl's, which has the watchdog."""

    block_id = "7"

    def __init__(self) -> None:
        self.workers = Workers(Process, end)  # type: ignore[arg-type]

    def start(self, number: int) -> Any:
        """Start a worker, as Parsl does."""
        return self.workers.process(
            target=print, args=(number, "pool"), name=f"HTEX-Worker-{number}"
        )

    def lose(self, number: int) -> Any:
        """Report the task of a worker that has ended, as Parsl does."""
        return self.workers.lost(number, "n1")


def test_a_worker_that_ends_without_a_task_again_and_again_ends_its_pool(
    capsys: pytest.CaptureFixture[str],
) -> None:
    manager = Manager()
    manager.start(0)
    for _ in range(IDLE_ENDS - 1):
        manager.start(1).exitcode = 1
    manager.start(1).exitcode = 1
    with pytest.raises(EndedError, match=str(EXIT_CODE)):
        manager.start(1)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == IDLE_ENDS + 1
    assert "worker 1 has ended with exit code 1 without a task; it is started again" in said[0]
    assert f"worker 1 has ended {IDLE_ENDS} times without a task" in said[-1]


def test_a_task_that_kills_its_worker_does_not_end_the_pool(
    capsys: pytest.CaptureFixture[str],
) -> None:
    manager = Manager()
    for _ in range(2 * IDLE_ENDS):
        manager.start(1).exitcode = -9
        error = manager.lose(1)
        assert (error.exit_code, error.block, error.hostname) == (-9, "7", "n1")
    manager.start(1)
    assert "worker 1 was killed by SIGKILL" in capsys.readouterr().err


def test_other_processes_of_the_pool_start_as_ever() -> None:
    process: Any = Manager().workers.process(target=print, args=("x",))
    assert process.options == {"target": print, "args": ("x",), "name": None}


def test_a_worker_runs_by_a_name_that_its_process_can_import() -> None:
    process = Manager().start(3)
    assert process.options["target"] is run_worker
    assert process.options["args"] == (print, 3, "pool")
    assert run_worker.__module__.startswith("polaris_parsl.")


def test_what_a_task_prints_is_not_lost_when_its_worker_is_killed() -> None:
    program = (
        "import os, signal\n"
        f"from {run_worker.__module__} import run_worker\n"
        "def work():\n"
        "    print('half of it is done')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "run_worker(work)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout == "half of it is done\n"
