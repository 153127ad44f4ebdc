"""The exception of a task whose node was lost, from our interchange to the driver."""

from parsl.executors.high_throughput.errors import ManagerLost


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
