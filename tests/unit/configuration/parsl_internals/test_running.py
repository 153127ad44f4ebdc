"""A pool and its workers share the numbers of the tasks that run."""

import multiprocessing
from typing import Any

import pytest
from parsl.multiprocessing import SpawnContext

from polaris_parsl.configuration.parsl_internals.running import RunningTasks, share_running_tasks


class Manager:
    """Stands for the process that Parsl starts for such dictionaries."""

    def dict(self) -> Any:
        pytest.fail("it is asked for no dictionary")

    def Queue(self) -> str:
        return "a queue"


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> RunningTasks:
    """What a pool gets where it asks for a dictionary."""
    monkeypatch.setattr(SpawnContext, "Manager", Manager, raising=False)
    share_running_tasks()
    context: Any = SpawnContext
    manager = context.Manager()
    assert manager.Queue() == "a queue"
    found = manager.dict()
    assert isinstance(found, RunningTasks)
    return found


def begin(tasks: RunningTasks, worker: int, number: int) -> None:
    """A worker in a process of its own, which ends in its task."""
    tasks[worker] = {"task_id": number, "buffer": b"x"}


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_the_task_of_a_worker_that_has_died_is_known(tasks: RunningTasks, method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    process = context.Process(target=begin, args=(tasks, 3, 17))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert tasks.pop(3) == {"task_id": 17}
    with pytest.raises(KeyError):
        tasks.pop(3)


def test_a_worker_without_a_task_has_none(tasks: RunningTasks) -> None:
    for number in (0, 5):
        tasks[0] = {"task_id": number}
        assert tasks.pop(0) == {"task_id": number}
        with pytest.raises(KeyError):
            tasks.pop(0)
    with pytest.raises(KeyError):
        tasks.pop(1)
