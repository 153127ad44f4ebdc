"""The exceptions of tasks whose node or worker was lost, from our interchange and our pools to the driver."""

import signal
import sys

from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost


class NodeLost(ManagerLost):
    """A task was lost with the pool of workers that ran it.

    Args:
        manager_id: Parsl's id of the pool.
        hostname: its node.
        block: number of its block.
        seconds: since the pool got the task.
    """

    def __init__(self, manager_id: bytes, hostname: str, block: str, seconds: float) -> None:
        super().__init__(manager_id, hostname)
        self.block = block
        self.seconds = seconds


class WorkerKilled(WorkerLost):
    """The worker of a task has died.

    Args:
        worker_id: Parsl's number of it on its node.
        hostname: the node.
    """

    def __init__(self, worker_id: int, hostname: str) -> None:
        super().__init__(worker_id, hostname)  # type: ignore[no-untyped-call]
        # Parsl's watchdog raises it, and has the process at hand
        process = sys._getframe(1).f_locals.get("p")
        self.exit_code: int | None = getattr(process, "exitcode", None)

    def __str__(self) -> str:
        """What ended the worker, and where."""
        return f"the worker of this task (worker {self.worker_id} on {self.hostname}) {self._how()}"

    def _how(self) -> str:
        code = self.exit_code
        if code is None:
            return "has died"
        if code >= 0:
            return f"has ended with exit code {code}"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = ", as when the memory of a node runs out" if -code == signal.SIGKILL else ""
        return f"was killed by {name}{hint}"
