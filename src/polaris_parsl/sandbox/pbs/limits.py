"""What the server and ALCF's hook refuse at submission, and where a routing queue leads."""

from collections.abc import Iterable

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.facts.queues import Jobs, Queue
from polaris_parsl.sandbox.pbs.job import Job
from polaris_parsl.sandbox.pbs.refusal import (
    HOOK,
    LIMIT_OF_QUEUE,
    LIMIT_PER_USER,
    NO_ACCESS,
    UNKNOWN_QUEUE,
    Refusal,
)


def find_queue(name: str) -> Queue:
    """The queue of that name; "queue@server" is understood.

    Raises:
        Refusal: there is none.
    """
    queue = polaris().queues.get(name.partition("@")[0] or polaris().default_queue)
    if queue is None:
        raise Refusal(UNKNOWN_QUEUE, "Unknown queue")
    return queue


def check_hook(account: str, filesystems: str, walltime: str) -> None:
    """What ALCF's submission hook demands.

    Raises:
        Refusal: the account, filesystems or walltime is missing, or a file system is unknown.
    """
    if not account:
        raise Refusal(HOOK, "Account_Name is required to be set.")
    if not filesystems:
        raise Refusal(HOOK, "Resource: filesystems is required to be set.")
    # Of the doubtful ones it is not known that they are refused.
    known = {*polaris().filesystems, *polaris().doubtful_filesystems}
    unknown = [name for name in filesystems.split(":") if name not in known]
    if unknown:
        raise Refusal(HOOK, f"Invalid filesystem identifiers {','.join(unknown)}")
    if not walltime:
        raise Refusal(HOOK, "Resource: walltime is required to be set.")


def check_queue(job: Job, queue: Queue, others: Iterable[Job], minimum: int | None) -> None:
    """Refuse a job that breaks the limits of its queue; a routing queue has none of size.

    Args:
        job: to be queued.
        queue: that it asks for.
        others: all jobs.
        minimum: of the walltime in seconds, instead of the queue's where it is lower.

    Raises:
        Refusal: it breaks one.
    """
    if queue.only_by_routing:
        raise Refusal(NO_ACCESS, "Access to queue is denied")
    if not queue.routes_to and not queue.takes(
        len(job.chunks), job.walltime_seconds, shortest_seconds=minimum
    ):
        raise Refusal(LIMIT_OF_QUEUE, "Job violates queue and/or server resource limits")
    there = [other for other in others if other.queue == queue.name and not other.is_finished]
    waiting = [other for other in there if other.state == "Q"]
    full = _reached(queue.max_queued, job, there)
    if full:
        raise Refusal(LIMIT_PER_USER, f"would exceed queue generic's per-{full} limit")
    full = _reached(queue.queued_jobs_threshold, job, waiting)
    if full:
        problem = f"would exceed queue generic's per-{full} limit of jobs in 'Q' state"
        raise Refusal(LIMIT_PER_USER, problem)


def has_room(job: Job, queue: Queue, others: Iterable[Job]) -> bool:
    """Whether a job may go on from a routing queue to this one now."""
    there = [other for other in others if other.queue == queue.name and not other.is_finished]
    return _reached(queue.max_queued, job, there) is None


def why_not_now(job: Job, queue: Queue, others: Iterable[Job]) -> str | None:
    """The comment of a job that waits because others of its queue run; None where it may run."""
    running = [other for other in others if other.queue == queue.name and other.state in "RE"]
    full = _reached(queue.max_run, job, running)
    if full is None:
        return None
    return f"Not Running: {full.title()} has reached queue {queue.name} running job limit."


def _reached(limits: Jobs, job: Job, others: Iterable[Job]) -> str | None:
    """Whose jobs are as many as there may be: the user's, the project's, or nobody's."""
    counts = {"user": 0, "project": 0}
    for other in others:
        counts["user"] += other.owner == job.owner
        counts["project"] += other.account == job.account
    return next((scope for scope, most in limits.items() if counts[scope] >= most), None)


def destination(job: Job, queue: Queue, minimum: int | None) -> str | None:
    """The queue that a job ends up in; None where a routing queue finds none for it."""
    if not queue.routes_to:
        return queue.name
    size = len(job.chunks), job.walltime_seconds
    targets = [polaris().queues[name] for name in queue.routes_to]
    fitting = (
        target.name
        for target in targets
        if not target.negative_balance and target.takes(*size, shortest_seconds=minimum)
    )
    return next(fitting, None)
