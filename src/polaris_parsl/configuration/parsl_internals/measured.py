"""Tasks whose workers measure them, and send what they measured with the result.

Parsl's worker runs a task by a function that the driver may name; ours reads the clock before and
after. Nothing is written on nodes, and no process is started there, as by Parsl's monitoring.
"""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from parsl.executors import HighThroughputExecutor
from parsl.executors.high_throughput.executor import HTEXFuture

from polaris_parsl.configuration.parsl_internals.internal import Internal
from polaris_parsl.configuration.parsl_internals.measure import Measured, Place, execute

if TYPE_CHECKING:
    from concurrent.futures import Future

_EXECUTOR = "parsl.executors.high_throughput.executor.HighThroughputExecutor"
_FUNCTION = "task_executor"

INTERNALS = (
    Internal(
        _EXECUTOR,
        "submit_payload",
        "lets workers measure their tasks",
        "2025.12.8",
        (f"{_EXECUTOR}.submit",),
    ),
)


class MeasuredTasks(HighThroughputExecutor):
    """HighThroughputExecutor whose workers measure those tasks that somebody wants to see."""

    def see_measured(self) -> Callable[[Measured], None] | None:
        """Called before a task is submitted: what gets its measurements, None if nobody wants them."""
        return None

    def submit_payload(self, context: dict[str, Any], buffer: bytes) -> HTEXFuture:
        """Give a task to the workers."""
        see = self.see_measured()
        if see is None or _FUNCTION in context:
            return super().submit_payload(context, buffer)
        asked = {**context, _FUNCTION: {"f": f"{execute.__module__}.{execute.__name__}"}}
        inner = super().submit_payload(asked, buffer)
        outer = HTEXFuture(inner.parsl_executor_task_id)
        inner.add_done_callback(functools.partial(_hand_on, outer, see))
        return outer


def _hand_on(outer: HTEXFuture, see: Callable[[Measured], None], inner: "Future[Any]") -> None:
    """Give the result of a measured task to the future that Parsl waits for."""
    error = inner.exception()
    if error is not None:  # the worker or its node was lost, or the result could not be sent
        outer.set_exception(error)
        return
    result, start, end, place = inner.result()  # as measure.execute returns it
    see(Measured(result, start, end, Place(*place)))
    outer.set_result(result)
