"""Whether a queue holds and runs as many blocks as may be asked for: each block is a job."""

from collections.abc import Mapping
from dataclasses import dataclass

from polaris_parsl.errors import OptionError, warn
from polaris_parsl.facts.queues import Queue
from polaris_parsl.text import plural


@dataclass(frozen=True)
class _Limit:
    """At most so many jobs of a user or of a project."""

    jobs: int
    scope: str

    def __str__(self) -> str:
        return f"{self.jobs} {plural(self.jobs, 'job')} of a {self.scope}"


def check_blocks(blocks: int, queue: Queue, target: Queue) -> None:
    """Refuse more blocks than a queue holds; warn of more than run at the same time.

    Where another source states another limit, only what both rule out is refused.

    Args:
        blocks: at the most, count.
        queue: that they are submitted to.
        target: in which they run, where the queue routes; otherwise the same.

    Raises:
        OptionError: PBS would refuse some of them.
    """
    held = _held(queue, target)
    others = [
        (conflict, _held(queue.according_to(conflict), target))
        for conflict in queue.conflicts_about_jobs
    ]
    most = most_blocks(queue, target)
    if most is not None and blocks > most:
        raise OptionError(
            f"max_blocks={blocks}, but {_place(queue, target)} no more than {held} at a time, "
            f"and each block is one {queue.citation}",
            remedy=f"use max_blocks={most}, perhaps with more nodes_per_block, or another queue",
        )
    for conflict, limit in others:
        if limit and blocks > limit.jobs:
            warn(
                f"max_blocks={blocks}, but by {conflict.source} {_place(queue, target)} no more than "
                f"{limit} at a time; this is not refused because {conflict.why} {queue.citation}"
            )
            return
    if held and blocks > held.jobs:
        warn(
            f"max_blocks={blocks}, but {_place(queue, target)} no more than {held} at a time "
            f"{queue.citation}; not so by other sources: "
            + "; ".join(str(conflict) for conflict, _ in others)
        )
        return
    running = _running(target)
    if running and blocks > running.jobs:
        warn(
            f"max_blocks={blocks}, but {target.name} runs no more than {running} at a time, "
            f"and each block is one: the others wait {target.citation}"
        )


def most_blocks(queue: Queue, target: Queue) -> int | None:
    """The most blocks that a queue holds by any source, count; None if one sets no limit.

    Args:
        queue: that they are submitted to.
        target: in which they run, where the queue routes; otherwise the same.
    """
    sides = [queue, *(queue.according_to(conflict) for conflict in queue.conflicts_about_jobs)]
    limits = [_held(side, target) for side in sides]
    known = [limit.jobs for limit in limits if limit is not None]
    return max(known) if len(known) == len(limits) else None


def _held(queue: Queue, target: Queue) -> _Limit | None:
    """What is held of a user or project, whichever is less; a routing queue holds what waits."""
    held = queue.jobs_held
    if target.name != queue.name:
        there = target.jobs_held
        held = {scope: held[scope] + there[scope] for scope in held.keys() & there.keys()}
    return _lowest(held)


def _running(target: Queue) -> _Limit | None:
    limits = [_lowest(target.max_run), _lowest(target.jobs_held)]
    return min((limit for limit in limits if limit), key=lambda limit: limit.jobs, default=None)


def _lowest(jobs: Mapping[str, int]) -> _Limit | None:
    limits = [_Limit(count, scope) for scope, count in jobs.items()]
    return min(limits, key=lambda limit: limit.jobs, default=None)


def _place(queue: Queue, target: Queue) -> str:
    if target.name == queue.name:
        return f"{queue.name} holds"
    return f"{queue.name} and {target.name} together hold"
