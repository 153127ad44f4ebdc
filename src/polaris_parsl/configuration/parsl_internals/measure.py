"""Measures a task in its worker: when and where it runs. The driver gets it with the result.

Parsl's worker imports it with the first task, so it imports little.
"""

import functools
import os
import platform
import sys
import time
from typing import Any, NamedTuple

from parsl.app.errors import RemoteExceptionWrapper
from parsl.executors.execute_task import execute_task


class Place(NamedTuple):
    """Where a task runs.

    Attributes:
        block: number of the block.
        pool: Parsl's id of the pool of workers.
        worker: number of the worker in its pool.
        host: its node.
        gpu: the GPUs that it sees; "" if it has none of its own.
        cpus: the hardware threads that it may use, as 0-7,32.
        nodes: those of an MPI task, with commas; "" of others.
    """

    block: str
    pool: str = ""
    worker: str = ""
    host: str = ""
    gpu: str = ""
    cpus: str = ""
    nodes: str = ""


class Measured(NamedTuple):
    """A result with what its worker measured.

    Attributes:
        result: of the task; what Parsl wraps around an exception, if it failed.
        start: seconds since 1970, by the clock of the node.
        end: the same.
        place: where it ran.
    """

    result: Any
    start: float
    end: float
    place: Place


def execute(buffer: bytes) -> tuple[Any, float, float, tuple[str, ...]]:
    """Run a task in a worker, and measure it: what makes a Measured, as plain tuples.

    Parsl's way to send objects takes twenty times as long for classes of ours.
    """
    start = time.time()
    try:
        result = execute_task(buffer)
    except Exception:  # noqa: BLE001 - as Parsl's worker does
        result = RemoteExceptionWrapper(*sys.exc_info())
    place = _place(os.environ.get("PARSL_MPI_NODELIST", ""))
    return result, start, time.time(), tuple(place)


@functools.lru_cache(maxsize=16)
def _place(nodes: str) -> Place:
    env = os.environ
    return Place(
        block=env.get("PARSL_WORKER_BLOCK_ID", ""),
        pool=env.get("PARSL_WORKER_POOL_ID", ""),
        worker=env.get("PARSL_WORKER_RANK", ""),
        host=platform.node(),
        gpu=env.get("CUDA_VISIBLE_DEVICES", ""),
        cpus=ranges(os.sched_getaffinity(0)),
        nodes=nodes,
    )


def ranges(numbers: set[int]) -> str:
    """Whole numbers in few words, as 0-7,32."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ",".join("-".join(map(str, part)) for part in parts)
