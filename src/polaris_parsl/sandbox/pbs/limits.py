"""Submissions that the server and ALCF's hook refuse, and destinations of routing queues."""

import datetime
from collections.abc import Iterable, Mapping
from datetime import timedelta

from polaris_parsl.facts.learned_queues import LearnedQueues
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


def all_queues(added: Iterable[str]) -> Mapping[str, Queue]:
    """The queues of the facts, and more of which only the names are known: they take what there is."""
    facts = polaris()
    unknown = LearnedQueues(facts.pbs_server, datetime.date.min, {name: {} for name in added})
    longest = max(queue.walltime_max_minutes for queue in facts.queues.values())
    return unknown.on_top_of(facts.queues, nodes=facts.node_count, minutes=longest)


def find_queue(name: str, queues: Mapping[str, Queue] | None = None) -> Queue:
    """The queue of that name, also given as "queue@server"; None for queues: those of the facts.

    Raises:
        Refusal: there is no such queue.
    """
    known = polaris().queues if queues is None else queues
    queue = known.get(name.partition("@")[0] or polaris().default_queue)
    if queue is None:
        raise Refusal(UNKNOWN_QUEUE, "Unknown queue")
    return queue


def check_hook(account: str, filesystems: str, walltime: str) -> None:
    """Refuse what ALCF's submission hook refuses.

    Raises:
        Refusal: the account, filesystems or walltime is missing, or a file system is unknown.
    """
    if not account:
        raise Refusal(HOOK, "Account_Name is required to be set.")
    if not filesystems:
        raise Refusal(HOOK, "Resource: filesystems is required to be set.")
    # Whether ALCF refuses the doubtful ones is unknown.
    known = {*polaris().filesystems, *polaris().doubtful_filesystems}
    unknown = [name for name in filesystems.split(":") if name not in known]
    if unknown:
        raise Refusal(HOOK, f"Invalid filesystem identifiers {','.join(unknown)}")
    if not walltime:
        raise Refusal(HOOK, "Resource: walltime is required to be set.")


def check_queue(job: Job, queue: Queue, others: Iterable[Job], minimum: int | None) -> None:
    """Refuse a job that breaks the limits of its queue; a routing queue does not limit the size.

    Args:
        job: the submitted job.
        queue: the queue that it names.
        others: all jobs.
        minimum: walltime in seconds that replaces the queue's minimum if it is lower.

    Raises:
        Refusal: the job breaks a limit.
    """
    if queue.only_by_routing:
        raise Refusal(NO_ACCESS, "Access to queue is denied")
    if not queue.routes_to and not _takes(queue, job, minimum):
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
    """Whether a routing queue may move a job to this queue now."""
    there = [other for other in others if other.queue == queue.name and not other.is_finished]
    return _reached(queue.max_queued, job, there) is None


def why_not_now(job: Job, queue: Queue, others: Iterable[Job]) -> str | None:
    """The comment of a job that waits for running jobs of its queue; None if it may run."""
    running = [other for other in others if other.queue == queue.name and other.state in "RE"]
    full = _reached(queue.max_run, job, running)
    if full is None:
        return None
    return f"Not Running: {full.title()} has reached queue {queue.name} running job limit."


def _reached(limits: Jobs, job: Job, others: Iterable[Job]) -> str | None:
    """The scope, user or project, whose jobs have reached a limit; None if neither has."""
    counts = {"user": 0, "project": 0}
    for other in others:
        counts["user"] += other.size * (other.owner == job.owner)
        counts["project"] += other.size * (other.account == job.account)
    return next((scope for scope, most in limits.items() if counts[scope] + job.size > most), None)


def destination(job: Job, queue: Queue, minimum: int | None) -> str | None:
    """The queue that runs a job; None if a routing queue has no destination for it."""
    if not queue.routes_to:
        return queue.name
    targets = [polaris().queues[name] for name in queue.routes_to]
    fitting = (
        target.name
        for target in targets
        if not target.negative_balance and _takes(target, job, minimum)
    )
    return next(fitting, None)


def _takes(queue: Queue, job: Job, minimum: int | None) -> bool:
    shortest = None if minimum is None else timedelta(seconds=minimum)
    return queue.takes(len(job.chunks), timedelta(seconds=job.walltime_seconds), shortest=shortest)
