"""The PBS server and scheduler: takes jobs, starts them on free nodes, keeps the history."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.sandbox.event_loop import EventLoop
from polaris_parsl.sandbox.linux.nodes import SandboxNode
from polaris_parsl.sandbox.pbs import arrays
from polaris_parsl.sandbox.pbs.dependencies import may_go, read_dependencies
from polaris_parsl.sandbox.pbs.job import (
    EPILOGUE_STATUS_DELETED,
    STATUS_NOT_STARTED,
    STATUS_REQUEUED,
    STATUS_WALLTIME,
    Job,
)
from polaris_parsl.sandbox.pbs.limits import (
    all_queues,
    check_queue,
    destination,
    find_queue,
    has_room,
)
from polaris_parsl.sandbox.pbs.mom import Mom
from polaris_parsl.sandbox.pbs.refusal import (
    BAD_STATE,
    FINISHED,
    NO_MOM,
    NOT_RERUNNABLE,
    Refusal,
)
from polaris_parsl.sandbox.pbs.scheduler import where_to_run
from polaris_parsl.sandbox.pbs.store import Store
from polaris_parsl.sandbox.pbs.submit import make_job
from polaris_parsl.sandbox.settings import Settings

_log = logging.getLogger(__name__)
_PRERUN_SECONDS = 1.0
_EXITING_SECONDS = 0.3
_AGAIN_SECONDS = 0.1
DOWN = "down"
_LINE = "%a %b %d at %H:%M"


class Server:
    """All jobs of a sandbox."""

    def __init__(
        self, settings: Settings, event_loop: EventLoop, nodes: Sequence[SandboxNode]
    ) -> None:
        self.minimum = settings.min_walltime_seconds
        self.queues = all_queues(settings.queues)
        self._event_loop = event_loop
        self.nodes: Mapping[str, SandboxNode] = {node.name: node for node in nodes}
        self.began = time.time()
        self._store = Store(settings.state / "jobs.sqlite3")
        self._mom = Mom(settings, event_loop, self.nodes, self._job_over)
        # All jobs since the sandbox began, with those that were forgotten.
        self.accepted: list[Job] = []
        # Nodes that take no job, each with PBS's word for its state.
        self.out: dict[str, str] = {}
        # Called after each change of a job; faults wait for their jobs with it.
        self.changed: Callable[[], None] = lambda: None
        # Whether the start of a job fails; faults set it.
        self.start_fails: Callable[[Job], bool] = lambda _: False
        for job in self.jobs():
            if not job.is_finished:  # its sandbox ended before it did
                self._to_history(job, 91)

    def jobs(self) -> list[Job]:
        """All jobs, oldest first, the finished ones included."""
        return self._store.jobs()

    def find(self, key: str) -> Job:
        """The job of that id, without the server.

        Raises:
            Refusal: there is no such job.
        """
        return self._store.find(key)

    def submit(
        self, argv: Sequence[str], *, script: str, cwd: str, environment: Mapping[str, str]
    ) -> str:
        """Queue a job and return its id.

        Raises:
            Refusal: the job breaks a rule.
        """
        # As on a real server, a refused request uses up a number.
        number = self._store.new_number()
        job = make_job(
            number, argv, script=script, cwd=cwd, environment=environment, queues=self.queues
        )
        queue = find_queue(job.queue, self.queues)
        check_queue(job, queue, self.jobs(), self.minimum)
        # otherwise PBS accepts the job and forgets it
        if destination(job, queue, self.minimum):
            if job.depend:
                job.depend = read_dependencies(job.depend, self.find)
            self._route(job)
            self.accepted.append(job)
            self._save(job)
            self._event_loop.later(0, self.schedule)
            if job.execution_time is not None:
                wait_seconds = max(0.0, job.execution_time - time.time())
                self._event_loop.later(wait_seconds, self.schedule)
        return job.id

    def delete(self, key: str, *, by: str, from_history: bool) -> None:
        """Delete a job as qdel does.

        Raises:
            Refusal: the job is unknown, finished or exiting.
        """
        job = self.find(key)
        if job.is_finished and from_history:
            self._store.forget(job)
        elif job.is_finished:
            raise Refusal(FINISHED, f"Job has finished {job.id}")
        elif job.state == "E":
            raise Refusal(BAD_STATE, f"Request invalid for state of job {job.id}")
        elif job.array and job.state == "B":
            self._delete_subjobs(job, by)
        elif job.state in "QHW":
            if job.comment:
                job.comment += " and terminated"
            self._to_history(job, 91)
        elif self._mom.has_lost(job):
            raise Refusal(NO_MOM, f"Server could not connect to MOM {job.id}")
        elif not job.is_deleted:
            job.is_deleted = True
            job.comment = f"{job.comment} and terminated by {by}"
            self._save(job)
            self._mom.end(job, EPILOGUE_STATUS_DELETED)

    def hold(self, job: Job, *, types: str, comment: str | None) -> None:
        """Keep a job from starting; one that runs goes on, and waits when it is requeued.

        Args:
            job: a job that has not finished.
            types: PBS's letters: u of the user, o of an operator, s of the system.
            comment: what the job then says; None leaves its comment.

        Raises:
            Refusal: the job is finished or exiting.
        """
        if job.state not in "QHWRB":
            raise Refusal(BAD_STATE, f"Request invalid for state of job {job.id}")
        job.hold_types = "".join(sorted(set(job.hold_types) - {"n"} | set(types)))
        if comment is not None:
            job.comment = comment
        if job.state not in "RB":
            job.wait(time.time())
        self._save(job)

    def saved(self, job: Job) -> None:
        """Keep a change of a job, and see whether it may run now."""
        self._save(job)
        self._event_loop.later(0, self.schedule)

    def release(self, job: Job, *, types: str) -> None:
        """Take holds from a job, which may start when none is left.

        Raises:
            Refusal: the job is finished or exiting.
        """
        if job.state not in "QHWRB":
            raise Refusal(BAD_STATE, f"Request invalid for state of job {job.id}")
        job.hold_types = "".join(sorted(set(job.hold_types) - set(types))) or "n"
        if job.state not in "RB":
            job.wait(time.time())
        self.saved(job)

    def requeue(self, job: Job) -> None:
        """End a running job and put it into its queue again, with its id.

        Raises:
            Refusal: the job does not run, or was submitted with `-r n`.
        """
        if job.state != "R" or job.is_deleted:
            raise Refusal(BAD_STATE, f"Request invalid for state of job {job.id}")
        if job.rerunnable == "False":
            raise Refusal(NOT_RERUNNABLE, f"job is not rerunnable {job.id}")
        job.substate = 60
        self._save(job)
        self._mom.end(job, STATUS_REQUEUED)

    def signal(self, job: Job, number: int | None) -> None:
        """Send the processes of a running job a signal; None is one that there is not.

        Raises:
            Refusal: the job does not run.
        """
        if job.state != "R":
            raise Refusal(BAD_STATE, f"Request invalid for state of job {job.id}")
        if number is not None:
            self._mom.signal(job, number)

    def expire(self, job: Job) -> None:
        """End a running job as if its walltime were over."""
        self._mom.expire(job)

    def lose_head(self, job: Job) -> None:
        """Let the first node of a job be dead: nobody reports the end of its processes."""
        self._mom.lose(job)

    def give_up(self, job: Job) -> None:
        """Requeue a job whose first node is lost, or end it if it was submitted with `-r n`."""
        if job.state == "R" and self._mom.has_lost(job):
            job.substate = 60
            self._save(job)
            status = STATUS_REQUEUED if job.rerunnable == "True" else EPILOGUE_STATUS_DELETED
            self._mom.end(job, status)

    def forget(self, job: Job, *, processes_end_after: float) -> None:
        """Lose a job without a trace; the processes of a running one go on for so many seconds."""
        self._store.forget(job)
        self._event_loop.later(
            processes_end_after, lambda: self._mom.end(job, EPILOGUE_STATUS_DELETED)
        )
        self._event_loop.later(0, self.schedule)

    def close(self) -> None:
        """Remove the files of running jobs, whose processes have already ended."""
        self._mom.close()

    def job_on(self, node: str) -> Job | None:
        """The job that occupies the node now."""
        running = (job for job in self.jobs() if job.state == "R" and node in job.hosts)
        return next(running, None)

    def joined(self, job: Job, session: int) -> None:
        """Count a session on one of the job's nodes as the job's own."""
        self._mom.joined(job.key, session)

    def schedule(self) -> None:
        """Start each queued job that may run now."""
        for job in self.jobs():
            if job.depend and not job.is_finished and job.stime is None:
                self._wait_for_others(job)
            if job.state == "W":
                job.wait(time.time())
            if job.array:
                self._start_subjobs(job)
            elif job.state == "Q" and self._route(job):
                found = self._where_to_run(job)
                if isinstance(found, str):
                    self._comment(job, found)
                else:
                    self._start(job, found)

    def _where_to_run(self, job: Job) -> list[str] | str:
        return where_to_run(job, self.queues[job.queue], self.jobs(), list(self.nodes), self.out)

    def _start_subjobs(self, array: Job) -> None:
        """Start as many subjobs of an array as may run now."""
        while arrays.may_begin_more(array, self._store.subjobs(array)) and self._route(array):
            job = arrays.subjob(array, array.remaining[0])
            found = self._where_to_run(job)
            if isinstance(found, str):
                if array.state == "Q":
                    self._comment(array, found)
                return
            del array.remaining[0]
            arrays.begin(array, time.time(), time.strftime(_LINE))
            self._save(array)
            self._start(job, found)

    def _delete_subjobs(self, array: Job, by: str) -> None:
        array.is_deleted = True
        for job in arrays.subjobs(array, self.jobs()):
            if job.state in "QHR":
                self.delete(job.key, by=by, from_history=False)

    def _wait_for_others(self, job: Job) -> None:
        """Hold a job until those that it depends on have ended; delete it if they ended otherwise."""
        verdict = may_go(job, self.find)
        if verdict is False:
            job.comment = "Job deleted as result of dependency on other jobs"
            self._to_history(job, 91)
        elif verdict is None and not (job.waits_for_others and "s" in job.hold_types):
            job.waits_for_others = True
            self.hold(job, types="s", comment=None)
        elif verdict and job.waits_for_others:
            job.waits_for_others = False
            self.release(job, types="s")

    def _route(self, job: Job) -> bool:
        """Whether the job is in the queue that runs it; moves it there if there is room."""
        queue = find_queue(job.queue, self.queues)
        name = destination(job, queue, self.minimum)
        if name is None or (
            name != queue.name and not has_room(job, self.queues[name], self.jobs())
        ):
            return False
        if name != queue.name:
            job.queue = name
            self._save(job)
        return True

    def _comment(self, job: Job, text: str) -> None:
        if job.comment != text:
            job.comment = text
            self._save(job)

    def _start(self, job: Job, hosts: list[str]) -> None:
        job.hosts = hosts
        job.state, job.substate = "R", 41
        job.stime = time.time()
        job.run_count += 1
        pairs = zip(hosts, job.chunks, strict=True)
        vnodes = "+".join(f"({host}:{chunk.written})" for host, chunk in pairs)
        job.comment = f"Job run at {time.strftime(_LINE)} on {vnodes}"
        job.session = self._session_of(job)
        if job.session is None:
            self._not_started(job)
            return
        job.exit_status = None
        self._save(job)
        self._event_loop.later(_PRERUN_SECONDS, lambda: self._running(job))

    def _session_of(self, job: Job) -> int | None:
        """The session of the job's shell, which this starts; None if that fails."""
        if self.start_fails(job):
            return None
        try:
            return self._mom.start(job)
        except OSError as error:
            _log.warning("%s cannot start on %s: %s", job.id, job.hosts[0], error)
            return None

    def _not_started(self, job: Job) -> None:
        """Try again, as PBS does, and hold a job that has failed to start too often."""
        job.exit_status = STATUS_NOT_STARTED
        self._back_to_queue(job)
        if job.run_count >= polaris().pbs_failed_starts_max:
            self.hold(job, types="s", comment="job held, too many failed attempts to run")
        self._event_loop.later(_AGAIN_SECONDS, self.schedule)

    def _back_to_queue(self, job: Job) -> None:
        job.wait(time.time())
        job.hosts, job.stime, job.session = [], None, None
        self._save(job)

    def _running(self, job: Job) -> None:
        if job.state == "R" and job.substate == 41:
            job.substate = 42
            self._save(job)

    def _job_over(self, job: Job, status: int) -> None:
        if self._store.has_forgotten(job):
            return
        job.state, job.substate = "E", 60 if status == STATUS_REQUEUED else 51
        job.exit_status = status
        self._save(job)
        self._event_loop.later(_EXITING_SECONDS, lambda: self._exited(job, status))

    def _exited(self, job: Job, status: int) -> None:
        if self._store.has_forgotten(job):
            return
        job.obittime = time.time()
        if status == STATUS_REQUEUED and not job.is_deleted:
            self._back_to_queue(job)
            self._event_loop.later(0, self.schedule)
        elif job.is_deleted and status in {EPILOGUE_STATUS_DELETED, STATUS_REQUEUED}:
            self._to_history(job, 91)
        elif status == STATUS_WALLTIME:
            job.comment = f"{job.comment} and exceeded resource walltime"
            self._to_history(job, 93)
        else:
            job.comment = f"{job.comment} and {'failed' if status else 'finished'}"
            self._to_history(job, 93 if status else 92)

    def _to_history(self, job: Job, substate: int) -> None:
        array = self._store.array_of(job)
        arrays.end(job, array)
        job.substate = substate
        self.saved(job)
        if array is not None and arrays.is_over(array, self._store.subjobs(array)):
            self._array_over(array)

    def _array_over(self, array: Job) -> None:
        made = self._store.subjobs(array)
        array.exit_status = arrays.exit_status(made)
        self._to_history(array, 91 if array.is_deleted else 92 + array.exit_status)
        for job in made:
            arrays.end(job, array)
            self._save(job)

    def _save(self, job: Job) -> None:
        job.mtime = time.time()
        self._store.save(job)
        self.changed()
