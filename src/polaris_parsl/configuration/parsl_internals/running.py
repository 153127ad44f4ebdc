"""Which task each worker of a pool runs, in memory that they share.

Parsl keeps whole tasks, with their arguments, in a process of their own, which each worker asks twice for
each task. Parsl's watchdog, which alone reads them, wants the numbers of the tasks.
"""

from collections.abc import Callable, Mapping, MutableSequence
from typing import Any

from parsl.multiprocessing import SpawnContext

# More workers than any node can have; of each, eight bytes.
_WORKERS = 4096
# The numbers of Parsl's tasks begin with 0.
_NONE = -1


class RunningTasks:
    """What Parsl uses of its dictionary of tasks by the numbers of workers.

    Args:
        numbers: of the tasks.
    """

    def __init__(self, numbers: MutableSequence[int]) -> None:
        self._numbers = numbers

    def __setitem__(self, worker: int, task: Mapping[str, Any]) -> None:
        """A worker begins a task."""
        self._numbers[worker] = task["task_id"]

    def pop(self, worker: int) -> dict[str, int]:
        """A worker has ended its task, or has died; which task that was.

        Raises:
            KeyError: it had none.
        """
        number = self._numbers[worker]
        self._numbers[worker] = _NONE
        if number == _NONE:
            raise KeyError(worker)
        return {"task_id": number}


def share_running_tasks() -> None:
    """Let Parsl's pool in this process keep the tasks of its workers so."""
    context: Any = SpawnContext
    start: Callable[[], Any] = context.Manager

    def start_manager() -> Any:
        manager = start()
        manager.dict = lambda: RunningTasks(context.RawArray("q", [_NONE] * _WORKERS))
        return manager

    context.Manager = start_manager
