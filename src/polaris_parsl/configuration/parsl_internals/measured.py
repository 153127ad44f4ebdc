"""Tasks whose workers measure them, and send what they measured with the result.

Parsl's worker runs a task by a function that the driver may name; ours reads the clock before and
after. Nothing is written on nodes, and no process is started there, as by Parsl's monitoring.
"""

import threading
from collections.abc import Callable
from typing import Any

from parsl.executors import HighThroughputExecutor
from parsl.executors.high_throughput.executor import HTEXFuture

from polaris_parsl.configuration.parsl_internals.internal import Internal
from polaris_parsl.configuration.parsl_internals.measure import Place, execute, read
from polaris_parsl.errors import BlockError

_EXECUTOR = "parsl.executors.high_throughput.executor.HighThroughputExecutor"
_BLOCKS = "parsl.executors.status_handling.BlockProviderExecutor"
_FUNCTION = "task_executor"
_MEASURE = {_FUNCTION: {"f": f"{execute.__module__}.{execute.__name__}"}}
# Gets what was measured: start and end in seconds since 1970, and the place.
See = Callable[[float, float, Place], None]

INTERNALS = (
    Internal(
        _EXECUTOR,
        "submit_payload",
        "lets workers measure their tasks",
        "2025.12.8",
        (f"{_EXECUTOR}.submit",),
    ),
    Internal(
        _BLOCKS,
        "tasks",
        "takes what was measured from the result of a task",
        "2025.12.8",
        (f"{_EXECUTOR}.submit_payload", f"{_EXECUTOR}._result_queue_worker"),
    ),
    Internal(
        _BLOCKS,
        "_tasks",
        "is what `tasks` gives",
        "2025.12.8",
        set_in=f"{_BLOCKS}.__init__",
    ),
)


class MeasuredTasks(HighThroughputExecutor):
    """HighThroughputExecutor whose workers measure those tasks that somebody wants to see."""

    def start(self) -> None:
        """Start the interchange."""
        self._submitted_here = threading.local()
        self._tasks = _Tasks(self._submitted_here)
        super().start()  # type: ignore[no-untyped-call]

    def see_measured(self) -> See | None:
        """Called before a task is submitted: what gets its measurements, None if nobody wants them."""
        return None

    def submit_payload(self, context: dict[str, Any], buffer: bytes) -> HTEXFuture:
        """Give a task to the workers."""
        see = self.see_measured()
        if see is None or _FUNCTION in context:
            return super().submit_payload(context, buffer)
        self._submitted_here.see = see
        try:
            return super().submit_payload({**context, **_MEASURE}, buffer)
        finally:
            self._submitted_here.see = None


class _Tasks(dict[Any, Any]):
    """The futures that Parsl waits for, by its number of the task.

    A future of Parsl's is made one of ours before the task is sent: a second future, which waited for
    the first, took longer than all else that the driver does for what is measured.

    Args:
        submitted_here: its `see` is what gets the measurements of the task that this thread submits.
    """

    def __init__(self, submitted_here: threading.local) -> None:
        super().__init__()
        self._submitted_here = submitted_here

    def __setitem__(self, number: Any, future: Any) -> None:
        see = getattr(self._submitted_here, "see", None)
        if see is not None:
            future.__class__ = _MeasuredFuture
            future.see = see
        super().__setitem__(number, future)


class _MeasuredFuture(HTEXFuture):
    """The future of a task whose worker measures it."""

    see: See

    def set_result(self, result: Any) -> None:
        """Set the result of the task, without what was measured."""
        try:
            result, measured = result
            start, end, place = read(measured)
        except (TypeError, ValueError):
            self.set_exception(
                BlockError(
                    "the worker of this task runs it by another polaris_parsl than the driver's",
                    remedy="let worker_init activate no environment with a polaris_parsl of its own",
                )
            )
            return
        self.see(start, end, place)
        super().set_result(result)
