"""The exceptions of tasks whose node or worker was lost, from our interchange and our pools to the driver."""

import signal

from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost


class NodeLost(ManagerLost):
    """A task was lost with the pool of workers that ran it.

    Args:
        manager_id: Parsl's id of the pool.
        hostname: its node.
        block: number of its block.
        seconds: since the pool got the task.
        reason: how it is known that the pool is gone.
    """

    def __init__(
        self, manager_id: bytes, hostname: str, block: str, seconds: float, reason: str
    ) -> None:
        super().__init__(manager_id, hostname)
        self.block = block
        self.seconds = seconds
        self.reason = reason


class WorkerKilled(WorkerLost):
    """The worker of a task has died.

    Args:
        worker_id: Parsl's number of it on its node.
        hostname: the node.
        exit_code: of its process, as multiprocessing has it; None if it is not known.
        block: number of its block.
    """

    def __init__(self, worker_id: int, hostname: str, exit_code: int | None, block: str) -> None:
        super().__init__(worker_id, hostname)  # type: ignore[no-untyped-call]
        self.exit_code = exit_code
        self.block = block

    def __str__(self) -> str:
        """What ended the worker, and where."""
        how = how_it_ended(self.exit_code)
        return f"the worker of this task (worker {self.worker_id} on {self.hostname}) {how}"


def how_it_ended(code: int | None) -> str:
    """In words, how a worker has ended."""
    if code is None:
        return "has died"
    if code >= 0:
        return f"has ended with exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    hint = ", as when the memory of a node runs out" if -code == signal.SIGKILL else ""
    return f"was killed by {name}{hint}"
