"""Begins each fault in its time, and ends it."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from polaris_parsl.errors import SandboxError
from polaris_parsl.sandbox.event_loop import EventLoop
from polaris_parsl.sandbox.faults.clients import ClientFaults, default_target
from polaris_parsl.sandbox.faults.directories import DirectoryFaults
from polaris_parsl.sandbox.faults.fault import ALL, CLIENTS, DIRECTORIES, JOBS, NODES, Fault
from polaris_parsl.sandbox.faults.jobs import JobFaults, default_seconds
from polaris_parsl.sandbox.faults.nodes import NodeFaults
from polaris_parsl.sandbox.pbs.refusal import Refusal
from polaris_parsl.sandbox.pbs.server import Server
from polaris_parsl.sandbox.settings import Settings

_Begin = Callable[[], Callable[[], None] | None]
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

    def __init__(self, settings: Settings, event_loop: EventLoop, server: Server) -> None:
        self._event_loop = event_loop
        self._server = server
        self._jobs = JobFaults(server)
        self._nodes = NodeFaults(event_loop, server)
        self._directories = DirectoryFaults(settings)
        self.clients = ClientFaults(event_loop)
        self._wanted: list[_Wanted] = []
        self._waiting: list[_Wanted] = []  # for their jobs
        server.changed = lambda: event_loop.later(0, self._look)

    def add(self, fault: Fault) -> None:
        """Let the fault happen in its time.

        Raises:
            SandboxError: its target does not exist.
        """
        if fault.kind in CLIENTS:
            default_target(fault)
        elif fault.kind in NODES:
            self._nodes.check(fault)
        elif fault.kind in JOBS:
            self._jobs.check(fault)
        elif not fault.after:  # otherwise the directory may be made meanwhile
            self._directories.check(fault)
        wanted = _Wanted(fault, before=len(self._server.accepted))
        self._wanted.append(wanted)
        self._waiting.append(wanted)
        self._look()

    def end(self, kind: str) -> int:
        """End the faults of a kind, or `all`; those that still wait, too. Returns how many."""
        ending = [each for each in self._wanted if kind in {ALL, each.fault.kind}]
        for wanted in ending:
            self._end(wanted)
        return len(ending)

    def _look(self) -> None:
        """Let the faults go on whose jobs and nodes are now as they need them.

        Those that wait no longer begin here, before the server does what it has planned.
        """
        for wanted in tuple(self._waiting):
            begin = self._what_begins(wanted)
            if begin is None:
                continue
            self._waiting.remove(wanted)
            if wanted.fault.after:
                self._event_loop.later(wanted.fault.after, partial(self._begin, wanted, begin))
            else:
                self._begin(wanted, begin)

    def _what_begins(self, wanted: _Wanted) -> _Begin | None:
        """What does the fault; None while its job or node is not as it needs it."""
        fault = wanted.fault
        if fault.kind in CLIENTS:
            return partial(self.clients.begin, fault)
        if fault.kind in DIRECTORIES:
            return partial(self._directories.begin, fault)
        if fault.kind in NODES:
            node = self._nodes.ready(fault)
            return None if node is None else partial(self._nodes.begin, fault, node)
        if fault.target == ALL:
            return self._jobs.purge_all
        job = self._jobs.ready(fault, wanted.before)
        return None if job is None else partial(self._jobs.begin, fault, job)

    def _begin(self, wanted: _Wanted, begin: _Begin) -> None:
        if wanted.is_cancelled:
            return
        fault = wanted.fault
        try:
            wanted.undo = begin()
        except (Refusal, SandboxError) as error:
            self._wanted.remove(wanted)
            _report(f"fault {fault} was not made: {error.args[0]}")
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
            except (Refusal, SandboxError) as error:
                _report(f"fault {wanted.fault} could not be ended: {error.args[0]}")
                return
            _report(f"fault {wanted.fault} is over")


def _report(text: str) -> None:
    """To the terminal, between what the rehearsed command prints, and to the log."""
    _log.info(text)
    sys.stderr.write(f"polaris-parsl sandbox: {text}\n")
    sys.stderr.flush()
