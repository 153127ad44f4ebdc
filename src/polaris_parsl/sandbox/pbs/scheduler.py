"""Where and when a queued job runs, as PBS's scheduler decides."""

from collections.abc import Collection, Sequence

from polaris_parsl.facts.queues import Queue
from polaris_parsl.sandbox.pbs.job import Job
from polaris_parsl.sandbox.pbs.limits import why_not_now
from polaris_parsl.sandbox.pbs.placement import place, why_never


def where_to_run(
    job: Job, queue: Queue, jobs: Sequence[Job], nodes: Sequence[str], out: Collection[str]
) -> list[str] | str:
    """The node of each chunk of a queued job, or the comment that says why it waits.

    Args:
        job: the queued job.
        queue: its queue.
        jobs: all jobs.
        nodes: all nodes.
        out: nodes that take no job now.
    """
    limit = why_not_now(job, queue, jobs)
    if limit is not None:
        return limit
    busy = {host for other in jobs if other.state in "RE" for host in other.hosts}
    free = [name for name in nodes if name not in busy and name not in out]
    hosts = place(job.chunks, job.place, free)
    if hosts is not None:
        return hosts
    if place(job.chunks, job.place, nodes) is None:
        return why_never(job.chunks, len(nodes))
    return "Not Running: Not enough free nodes available"
