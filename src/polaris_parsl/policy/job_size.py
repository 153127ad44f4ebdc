"""Whether a queue takes jobs of a size and length, and which it does take."""

from collections.abc import Sequence
from datetime import timedelta

from polaris_parsl.errors import OptionError, warn
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.facts.queues import Queue
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.pbs.walltime import write_walltime
from polaris_parsl.policy.rehearsal import shortest_rehearsed


def destinations(queue: Queue) -> list[Queue]:
    """The queues in which jobs of a queue run: itself, or those that it routes to.

    Those for projects that have used up their allocation have the limits of the others.
    """
    if not queue.routes_to:
        return [queue]
    targets = [polaris().queues[name] for name in queue.routes_to]
    return [target for target in targets if not target.negative_balance]


def destination(options: ExecutorOptions, queue: Queue) -> Queue | None:
    """The queue in which a block would run; None if there is none."""
    nodes, walltime, shortest = options.nodes_per_block, options.walltime, shortest_rehearsed()
    fitting = (e for e in destinations(queue) if e.takes(nodes, walltime, shortest=shortest))
    return next(fitting, None)


def check_size(options: ExecutorOptions, queue: Queue) -> Queue:
    """The queue in which a block would run; warns where ALCF advises to ask for less.

    Raises:
        OptionError: PBS would refuse the block, or accept it and lose it.
    """
    nodes, walltime = options.nodes_per_block, options.walltime
    target = destination(options, queue)
    if target is not None:
        _warn_of_size(nodes, queue)
        return target
    wanted = f"nodes_per_block={nodes} with walltime={write_walltime(walltime)!r}"
    if queue.routes_to:
        problem = f"{queue.name} would accept {wanted} and lose the job"
    else:
        problem = f"{queue.name} does not take {wanted}"
    reasons, remedies = _what_would_do(nodes, walltime, destinations(queue))
    others = _other_queues(nodes, walltime)
    if others:
        remedies.append(f"queue={' or '.join(others)}")
    raise OptionError(
        f"{problem}: {'; '.join(reasons)} {queue.citation}{_other_sources(nodes, walltime, queue)}",
        remedy=f"use {', or '.join(remedies)}",
    )


def _what_would_do(
    nodes: int, walltime: timedelta, targets: Sequence[Queue]
) -> tuple[list[str], list[str]]:
    """What stands against a job, and what could be asked for instead."""
    of_size = [each for each in targets if each.nodes_min <= nodes <= each.nodes_max]
    of_length = [each for each in targets if each.walltime_min <= walltime <= each.walltime_max]
    plural = "1 node runs" if nodes == 1 else f"{nodes} nodes run"
    reasons, remedies = [], []
    if of_size:
        reasons.append(f"{plural} {lengths(of_size)} ({_names(of_size)})")
        remedies.append(f"walltime of {lengths(of_size)}")
    if of_length:
        reasons.append(
            f"{write_walltime(walltime)} needs {sizes(of_length)} nodes ({_names(of_length)})"
        )
        remedies.append(f"nodes_per_block of {sizes(of_length)}")
    if not of_size and not of_length:
        reasons.append(f"it takes {sizes(targets)} nodes for {lengths(targets)}")
        remedies.append(f"nodes_per_block of {sizes(targets)} and walltime of {lengths(targets)}")
    return reasons, remedies


def sizes(queues: Sequence[Queue]) -> str:
    """The least and the most nodes of a job, as "10-496"."""
    return f"{min(q.nodes_min for q in queues)}-{max(q.nodes_max for q in queues)}"


def lengths(queues: Sequence[Queue]) -> str:
    """The shortest and the longest walltime, as "0:05:00 to 24:00:00"."""
    shortest = min(queue.walltime_min for queue in queues)
    longest = max(queue.walltime_max for queue in queues)
    return f"{write_walltime(shortest)} to {write_walltime(longest)}"


def _names(queues: Sequence[Queue]) -> str:
    return ", ".join(queue.name for queue in queues)


def _other_queues(nodes: int, walltime: timedelta) -> list[str]:
    """Queues open to everybody that take the job as it is."""
    return [
        other.name
        for other in polaris().queues.values()
        if not (other.only_by_routing or other.routes_to or other.by_request)
        and other.takes(nodes, walltime)
    ]


def _other_sources(nodes: int, walltime: timedelta, queue: Queue) -> str:
    """What sources say by which the job would be taken.

    It is refused all the same: a job that fits no destination is lost without a word.
    """
    names = dict.fromkeys([queue.name, *(target.name for target in destinations(queue))])
    refusing = [polaris().queues[name] for name in names]
    found = [
        f"; {conflict}"
        for each in refusing
        if not each.takes(nodes, walltime)
        for conflict in each.conflicts_about_sizes
        if each.according_to(conflict).takes(nodes, walltime)
    ]
    return "".join(found)


def _warn_of_size(nodes: int, queue: Queue) -> None:
    advice = queue.nodes_recommended_max
    if advice is not None and nodes > advice[0]:
        warn(
            f"nodes_per_block={nodes}, but ALCF recommends at most {advice[0]} to {advice[1]} "
            f"nodes in {queue.name} {queue.citation}"
        )
