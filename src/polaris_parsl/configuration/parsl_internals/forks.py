"""Workers are forked from one process that has imported Parsl, and do not import it one by one.

When it forks, that process has one thread, no connection but to its pool, and nothing of CUDA or MPI: what a
forked process cannot share is made by tasks, in their workers. It is started anew beside the pool, and not
forked from it, which has threads and sockets.
"""

import multiprocessing
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

PRELOADED = "polaris_parsl.configuration.parsl_internals.preloaded"
# The starts of the names of libraries that must not be in a process that forks.
NOT_FORKED = ("libcuda.so", "libcudart.so", "libmpi", "libfabric.so", "libpals.so", "libpmi")


def fork_workers() -> Callable[..., Any] | None:
    """Start the process that is forked, and return what forks it.

    None if this process, which was started in the same way, has more threads than one or one of those
    libraries, as by LD_PRELOAD or a .pth file: then workers are spawned.
    """
    if not may_fork(Path("/proc/self")):
        return None
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOADED])
    forkserver.ensure_running()
    make: Callable[..., Any] = context.Process
    return make


def may_fork(process: Path) -> bool:
    """Whether a process, by its directory in /proc, has one thread and none of those libraries."""
    mapped = (process / "maps").read_text(encoding="utf-8", errors="replace")
    has_one_thread = len([*(process / "task").iterdir()]) == 1
    return has_one_thread and not any(f"/{each}" in mapped for each in NOT_FORKED)
