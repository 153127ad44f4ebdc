"""Queue policy: whether PBS would take a request, asked before anything is submitted.

PBS answers some of these only by an error deep in Parsl's log, and one not at
all: a job for a routing queue that fits none of its destinations is accepted
and vanishes.
"""

import re
from collections.abc import Sequence

from polaris_parsl.directives import read_scheduler_options, resources
from polaris_parsl.errors import OptionError, warn
from polaris_parsl.facts import Queue, polaris
from polaris_parsl.options import Options


def check_policy(options: Options) -> None:
    """Refuse what PBS would refuse or lose.

    Raises:
        OptionError: the queue does not exist or does not take such a job, or a
            filesystem does not exist.

    Source: [queue.*] and [filesystems] in data/polaris.toml.
    """
    _check_filesystems(options)
    queue = polaris().queues.get(options.queue)
    if queue is None:
        _check_unlisted(options.queue)
        return
    if queue.only_by_routing:
        parents = [
            name for name, other in polaris().queues.items() if queue.name in other.routes_to
        ]
        raise OptionError(
            f"queue={queue.name!r} takes no jobs from users",
            remedy=f"submit to {' or '.join(parents)}, which routes to it",
        )
    _check_size(options, queue)
    _check_blocks(options.max_blocks, queue)


def check_blocks_together(requests: Sequence[Options]) -> None:
    """Refuse more blocks of all executors of a run than their queue holds.

    Raises:
        OptionError: the executors that share a queue may ask for too many blocks together.
    """
    for name in dict.fromkeys(options.queue for options in requests):
        sharing = [options for options in requests if options.queue == name]
        queue = polaris().queues.get(name)
        if queue is not None and len(sharing) > 1:
            _check_blocks(sum(options.max_blocks for options in sharing), queue)


def _check_filesystems(options: Options) -> None:
    facts = polaris()
    directives = read_scheduler_options("scheduler_options", options.scheduler_options)
    for name in resources(directives)["filesystems"].split(":"):
        if name in facts.doubtful_filesystems:
            warn(
                f"scheduler_options asks for the filesystem {name!r}, which ALCF's pages no longer "
                f"list; {facts.default_filesystems} is what they have now",
            )
        elif name not in facts.filesystems:
            raise OptionError(
                f"scheduler_options asks for the filesystem {name!r}, which {facts.system} lacks",
                remedy=f"use some of {', '.join(facts.filesystems)}, joined by colons",
            )


def _check_unlisted(name: str) -> None:
    facts = polaris()
    patterns = [facts.reservation_pattern, *facts.closed_queue_patterns]
    if any(re.fullmatch(pattern, name) for pattern in patterns):
        return
    open_to_users = [queue.name for queue in facts.queues.values() if not queue.only_by_routing]
    raise OptionError(
        f"queue={name!r} is neither a queue of {facts.system} nor a reservation",
        remedy=f"use one of {', '.join(open_to_users)}, or a reservation such as R123456",
    )


def _check_size(options: Options, queue: Queue) -> None:
    nodes, seconds = options.nodes_per_block, _seconds(options.walltime)
    targets = [polaris().queues[name] for name in queue.routes_to] or [queue]
    if any(target.takes(nodes, seconds) for target in targets):
        return
    wanted = f"nodes_per_block={nodes} with walltime={options.walltime!r}"
    if queue.routes_to:
        problem = f"{queue.name} would accept {wanted} and lose the job: it fits none of"
    else:
        problem = f"{wanted} is not what the queue takes:"
    limits = ", ".join(_limits(target) for target in targets)
    others = [
        other.name
        for other in polaris().queues.values()
        if not other.only_by_routing and not other.routes_to and other.takes(nodes, seconds)
    ]
    raise OptionError(
        f"{problem} {limits} {_source(queue)}",
        remedy="ask for a size and a length within these limits"
        + (f", or use a queue that takes it: {', '.join(others)}" if others else ""),
    )


def _check_blocks(blocks: int, queue: Queue) -> None:
    most = queue.jobs_per_user_max
    if most is None or blocks <= most:
        return
    problem = (
        f"max_blocks={blocks}, but {queue.name} holds no more than {most} "
        f"{'job' if most == 1 else 'jobs'} of a user at a time, and each block is one "
        f"{_source(queue)}"
    )
    remedy = f"use max_blocks={most} with more nodes_per_block, or another queue"
    if queue.doubt is None:
        raise OptionError(problem, remedy=remedy)
    warn(f"{problem}; but {queue.doubt}: {remedy}")


def _limits(queue: Queue) -> str:
    return (
        f"{queue.name} ({queue.nodes_min}-{queue.nodes_max} nodes, "
        f"{clock(queue.walltime_min_minutes)} to {clock(queue.walltime_max_minutes)})"
    )


def _source(queue: Queue) -> str:
    return f"[{queue.source}, read {queue.checked}]"


def clock(minutes: int) -> str:
    """Minutes as H:MM:SS."""
    return f"{minutes // 60}:{minutes % 60:02d}:00"


def _seconds(walltime: str) -> int:
    hours, minutes, seconds = (int(part) for part in walltime.split(":"))
    return 3600 * hours + 60 * minutes + seconds
