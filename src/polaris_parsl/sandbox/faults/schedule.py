"""Begins each fault in its time, and ends it."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from polaris_parsl.sandbox.event_loop import EventLoop
from polaris_parsl.sandbox.faults.clients import ClientFaults, default_target
from polaris_parsl.sandbox.faults.fault import ALL, CLIENTS, JOBS, Fault
from polaris_parsl.sandbox.faults.jobs import JobFaults, default_seconds
from polaris_parsl.sandbox.pbs.job import Job
from polaris_parsl.sandbox.pbs.refusal import Refusal
from polaris_parsl.sandbox.pbs.server import Server

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Wanted:
    """A fault that waits or is in force; undo ends it, where there is something to end."""

    fault: Fault
    before: int
    is_cancelled: bool = False
    undo: Callable[[], None] | None = None


class Faults:
    """All faults of a sandbox."""

    def __init__(self, event_loop: EventLoop, server: Server) -> None:
        self._event_loop = event_loop
        self._server = server
        self._jobs = JobFaults(server)
        self.clients = ClientFaults(event_loop)
        self._wanted: list[_Wanted] = []
        self._waiting: list[_Wanted] = []  # for their jobs
        server.changed = lambda: event_loop.later(0, self._look)

    def add(self, fault: Fault) -> None:
        """Let the fault happen in its time.

        Raises:
            SandboxError: its target does not exist.
        """
        wanted = _Wanted(fault, before=len(self._server.accepted))
        if fault.kind in CLIENTS:
            default_target(fault)
        elif fault.kind in JOBS:
            self._jobs.check(fault)
        self._wanted.append(wanted)
        if fault.kind in JOBS and fault.target != ALL:
            self._waiting.append(wanted)
            self._look()
        else:
            self._event_loop.later(fault.after, lambda: self._begin(wanted, self._undirected))

    def end(self, kind: str) -> int:
        """End the faults of a kind, or `all`; those that still wait, too. Returns how many."""
        ending = [each for each in self._wanted if kind in {ALL, each.fault.kind}]
        for wanted in ending:
            self._end(wanted)
        return len(ending)

    def _look(self) -> None:
        """Let the faults go on whose jobs are now as they need them.

        Those that wait no longer begin here, before the server does what it has planned.
        """
        for wanted in tuple(self._waiting):
            job = self._jobs.ready(wanted.fault, wanted.before)
            if job is None:
                continue
            self._waiting.remove(wanted)
            begin = partial(self._begin, wanted, partial(self._on_job, job))
            if wanted.fault.after:
                self._event_loop.later(wanted.fault.after, begin)
            else:
                begin()

    def _on_job(self, job: Job, fault: Fault) -> Callable[[], None] | None:
        return self._jobs.begin(fault, job)

    def _undirected(self, fault: Fault) -> Callable[[], None] | None:
        if fault.kind in CLIENTS:
            return self.clients.begin(fault)
        self._jobs.purge_all()
        return None

    def _begin(self, wanted: _Wanted, begin: Callable[[Fault], Callable[[], None] | None]) -> None:
        if wanted.is_cancelled:
            return
        fault = wanted.fault
        try:
            wanted.undo = begin(fault)
        except Refusal as refusal:
            self._wanted.remove(wanted)
            _report(f"fault {fault} was not made: {refusal.text}")
            return
        _report(f"fault {fault}")
        seconds = default_seconds(fault)
        if wanted.undo is None:
            self._wanted.remove(wanted)
        elif seconds is not None:
            self._event_loop.later(seconds, lambda: self._end(wanted))

    def _end(self, wanted: _Wanted) -> None:
        if wanted.is_cancelled:
            return
        wanted.is_cancelled = True
        self._wanted.remove(wanted)
        if wanted in self._waiting:
            self._waiting.remove(wanted)
        if wanted.undo is not None:
            try:
                wanted.undo()
            except Refusal as refusal:
                _report(f"fault {wanted.fault} could not be ended: {refusal.text}")
                return
            _report(f"fault {wanted.fault} is over")


def _report(text: str) -> None:
    """To the terminal, between what the rehearsed command prints, and to the log."""
    _log.info(text)
    sys.stderr.write(f"polaris-parsl sandbox: {text}\n")
    sys.stderr.flush()
