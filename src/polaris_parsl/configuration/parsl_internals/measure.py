"""Measures a task in its worker: when and where it runs. The driver gets it with the result.

Parsl's worker imports it with the first task, so it imports little.
"""

import functools
import os
import platform
import struct
import sys
import time
from typing import Any, NamedTuple

from parsl.app.errors import RemoteExceptionWrapper
from parsl.serialize import unpack_apply_message

_TIMES = struct.Struct("<dd")
# no variable of the environment holds one
_BETWEEN = "\0"


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


def execute(buffer: bytes) -> tuple[Any, bytes]:
    """Run a task in a worker: its result, or what Parsl wraps around its error, and what was measured.

    Parsl's way to send objects takes some 10 microseconds for each: all measurements are one.
    """
    start = time.time()
    try:
        # Parsl's own function compiles a line of text for each task
        function, arguments, named = unpack_apply_message(buffer)
        result = function(*arguments, **named)
    except Exception:  # noqa: BLE001 - as Parsl's worker does
        result = RemoteExceptionWrapper(*sys.exc_info())
    place = _here(os.environ.get("PARSL_MPI_NODELIST", ""))
    return result, _TIMES.pack(start, time.time()) + place


def read(measured: bytes) -> tuple[float, float, Place]:
    """When a task began and ended, in seconds since 1970 by the clock of its node, and where it ran.

    Raises:
        ValueError: no worker of ours has sent this.
    """
    if len(measured) < _TIMES.size:
        raise ValueError(f"{measured!r} is shorter than two times")
    start, end = _TIMES.unpack_from(measured)
    return start, end, _place(measured[_TIMES.size :])


@functools.lru_cache(maxsize=4096)
def _place(sent: bytes) -> Place:
    try:
        return Place(*sent.decode(errors="surrogateescape").split(_BETWEEN))
    except TypeError as error:
        raise ValueError(f"{sent!r} is no place") from error


@functools.lru_cache(maxsize=16)
def _here(nodes: str) -> bytes:
    env = os.environ
    place = Place(
        block=env.get("PARSL_WORKER_BLOCK_ID", ""),
        pool=env.get("PARSL_WORKER_POOL_ID", ""),
        worker=env.get("PARSL_WORKER_RANK", ""),
        host=platform.node(),
        gpu=env.get("CUDA_VISIBLE_DEVICES", ""),
        cpus=ranges(os.sched_getaffinity(0)),
        nodes=nodes,
    )
    return _BETWEEN.join(place).encode(errors="surrogateescape")


def ranges(numbers: set[int]) -> str:
    """Whole numbers in few words, as 0-7,32."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ",".join("-".join(map(str, part)) for part in parts)
