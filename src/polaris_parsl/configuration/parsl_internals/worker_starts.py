"""How a pool starts its workers, and what it says of those that end.

Parsl starts a worker again whenever it has ended, for ever, and says so in its log alone. Here each end is a
line in the errors of the job, and a worker that ends again and again without a task ends its pool.
"""

import logging
import os
import socket
import sys
from collections import Counter
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from typing import Any, NoReturn

from parsl.multiprocessing import SpawnContext

from polaris_parsl.configuration.parsl_internals.node_lost import WorkerKilled, how_it_ended

# Parsl's name of a worker, with its number.
_NAME = "HTEX-Worker-"
# A worker may end so often while it has no task.
IDLE_ENDS = 5
# Exit code of a pool that was ended for that; os.EX_UNAVAILABLE.
EXIT_CODE = 69


def run_worker(target: Callable[..., object], *arguments: Any) -> object:
    """Run a worker whose output is written line by line: what waits in memory ends with the worker.

    Of a log that cannot be written, as on a full disk, the driver says so, and not each line of it.
    """
    logging.raiseExceptions = False
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return target(*arguments)


class Workers:
    """The workers of this pool.

    Args:
        start: makes a process, as multiprocessing does.
        end: ends the pool with an exit code.
        start_worker: makes a worker; None if workers start as other processes do.
    """

    def __init__(
        self,
        start: Callable[..., SpawnProcess],
        end: Callable[[int], NoReturn] = os._exit,
        start_worker: Callable[..., Any] | None = None,
    ) -> None:
        self._start, self._end, self._start_worker = start, end, start_worker or start
        self._processes: dict[int, SpawnProcess] = {}
        self._busy: set[int] = set()
        self._idle_ends: Counter[int] = Counter()

    def process(self, *more: Any, name: str | None = None, **options: Any) -> SpawnProcess:
        """Make a process; in the place of a worker that has ended, say so."""
        if not (name or "").startswith(_NAME):
            return self._start(*more, name=name, **options)
        number = options["args"][0]
        if number in self._processes:
            self._has_ended(number, how_it_ended(self._processes[number].exitcode))
        target, arguments = options["target"], options["args"]
        process: SpawnProcess = self._start_worker(
            name=name, target=run_worker, args=(target, *arguments)
        )
        self._processes[number] = process
        return process

    def lost(self, number: int, hostname: str) -> WorkerKilled:
        """The error of a task whose worker has ended; Parsl's watchdog raises it."""
        self._busy.add(number)
        process = self._processes.get(number)
        block = getattr(sys._getframe(1).f_locals.get("self"), "block_id", "")
        return WorkerKilled(number, hostname, process.exitcode if process else None, str(block))

    def _has_ended(self, number: int, how: str) -> None:
        was_busy = number in self._busy
        self._busy.discard(number)
        self._idle_ends[number] += not was_busy
        when = "in a task" if was_busy else "without a task"
        _say(f"worker {number} {how} {when}; it is started again")
        if self._idle_ends[number] >= IDLE_ENDS:
            _say(
                f"worker {number} has ended {IDLE_ENDS} times without a task, so the workers of this "
                f"node end; it {how}, and its own words are above"
            )
            self._end(EXIT_CODE)


def watch_workers(start_worker: Callable[..., Any] | None = None) -> Workers:
    """Start the workers of this process by ours from now on.

    Args:
        start_worker: makes a worker; None if workers start as other processes do.
    """
    logging.raiseExceptions = False
    context: Any = SpawnContext
    workers = Workers(context.Process, start_worker=start_worker)
    context.Process = workers.process
    return workers


def _say(text: str) -> None:
    sys.stderr.write(f"polaris_parsl on {socket.gethostname()}: {text}\n")
    sys.stderr.flush()
