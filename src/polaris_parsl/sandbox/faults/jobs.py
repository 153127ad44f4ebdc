"""Faults of jobs: what PBS, its operators and other users do to them."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from polaris_parsl.errors import SandboxError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.sandbox.faults.fault import ALL, LATEST, NEXT, QUEUED, RUNNING, Fault
from polaris_parsl.sandbox.pbs.identifier import key_in
from polaris_parsl.sandbox.pbs.job import Job
from polaris_parsl.sandbox.pbs.refusal import Refusal
from polaris_parsl.sandbox.pbs.server import Server

Undo = Callable[[], None]
_NTH = re.compile(r"job-([1-9]\d*)")
_DEMAND_SECONDS = 2.0
# Those that need a running job; the others take a job in any state.
_NEED_RUNNING = {"requeue", "preempt", "preempt-delete", "walltime"}
_TAKEN = "job-exclusive"


@dataclass
class JobFaults:
    """Finds the job of a fault, and does the fault to it."""

    server: Server

    def check(self, fault: Fault) -> None:
        """Refuse a target that no job can have, or a fault that came too late.

        Raises:
            SandboxError: no job has that id, or its target has another form.
        """
        target = fault.target or LATEST
        if target in {LATEST, NEXT} or _NTH.fullmatch(target):
            return
        if target == ALL and fault.kind == "purge":
            return
        key = key_in(target)
        if key is None:
            raise SandboxError(
                f"{fault}: {target} is not a job",
                remedy=f"give a job id, {LATEST}, {NEXT}, or job-1 for the first job of the sandbox",
            )
        try:
            self.server.find(key)
        except Refusal as refusal:
            raise SandboxError(f"{fault}: {refusal.text}", remedy="see `qstat -x`") from refusal

    def ready(self, fault: Fault, before: int) -> Job | None:
        """The job of a fault once it is as the fault needs it; None until then.

        Args:
            fault: a fault of a job.
            before: how many jobs there were when the fault was asked for.
        """
        job = self._find(fault.target or LATEST, before)
        if job is None:
            return None
        when = fault.when or (RUNNING if fault.kind in _NEED_RUNNING else "")
        if fault.kind == "purge":
            return job if job.is_finished else None
        if when == RUNNING:
            return job if job.state == "R" else None
        if when == QUEUED:
            return job if job.state == "Q" else None
        return None if job.is_finished else job

    def begin(self, fault: Fault, job: Job) -> Undo | None:
        """Do the fault to the job; returns what ends it.

        Raises:
            Refusal: the job is no longer as the fault needs it.
        """
        server = self.server
        if fault.kind == "failing-starts":
            return self._fail_starts(job)
        if fault.kind == "hold":
            words = f"Job held by root on {time.ctime()}"
            server.hold(job, types="s", comment=words)
            return None if fault.lasts is None else lambda: server.release(job, types="s")
        if fault.kind.startswith("preempt"):
            return self._preempt(fault, job)
        if fault.kind == "vanish":
            server.forget(job, processes_end_after=fault.lasts or 0.0)
        elif fault.kind == "release":
            server.release(job, types="uos")
        elif fault.kind == "delete":
            server.delete(job.key, by=_operator(), from_history=False)
        elif fault.kind == "requeue":
            server.requeue(job)
        elif fault.kind == "walltime":
            server.expire(job)
        else:
            server.delete(job.key, by=_operator(), from_history=True)
        return None

    def purge_all(self) -> None:
        """Empty the history."""
        for job in self.server.jobs():
            if job.is_finished:
                self.server.delete(job.key, by=_operator(), from_history=True)

    def _find(self, target: str, before: int) -> Job | None:
        key = key_in(target)
        if key is not None:
            return next((job for job in self.server.jobs() if job.key == key), None)
        if target == LATEST:
            return next((j for j in reversed(self.server.jobs()) if not j.is_finished), None)
        nth = before if target == NEXT else int(target.removeprefix("job-")) - 1
        accepted = self.server.accepted
        return accepted[nth] if nth < len(accepted) else None

    def _fail_starts(self, job: Job) -> Undo:
        fails = self.server.start_fails
        self.server.start_fails = lambda other: other is job or fails(other)

        def undo() -> None:
            self.server.start_fails = fails

        return undo

    def _preempt(self, fault: Fault, job: Job) -> Undo:
        hosts = job.nodes
        if fault.kind == "preempt" and job.rerunnable == "True":
            self.server.requeue(job)
        else:
            self.server.delete(job.key, by=_operator(), from_history=False)
        for host in hosts:
            self.server.out[host] = _TAKEN

        def undo() -> None:
            for host in hosts:
                if self.server.out.get(host) == _TAKEN:
                    del self.server.out[host]
            self.server.schedule()

        return undo


def default_seconds(fault: Fault) -> float | None:
    """How long the fault lasts."""
    if fault.lasts is None and fault.kind.startswith("preempt"):
        return _DEMAND_SECONDS
    return fault.lasts


def _operator() -> str:
    return f"root@{polaris().pbs_server}"
