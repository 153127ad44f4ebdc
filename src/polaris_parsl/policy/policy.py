"""Queue policy: whether PBS would take a request, asked before anything is submitted.

PBS answers some of these only by an error deep in Parsl's log, and one not at
all: a job for a routing queue that fits none of its destinations is accepted
and vanishes.
"""

import difflib
from collections.abc import Sequence

from polaris_parsl.errors import OptionError, warn
from polaris_parsl.facts.polaris import polaris, source
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.pbs.directives import read_scheduler_options, resources
from polaris_parsl.policy.job_count import check_blocks
from polaris_parsl.policy.job_size import check_size, destination, lengths, sizes
from polaris_parsl.policy.run_dir import check_run_dir


def check_policy(options: ExecutorOptions) -> None:
    """Refuse what PBS would refuse or lose.

    Raises:
        OptionError: the queue does not exist or does not take such a job, a filesystem does not
            exist or lacks the run directory, or the nodes could never be placed as asked.

    Source: [queue.*] and [filesystems] in facts/polaris.toml.
    """
    asked = resources(read_scheduler_options("scheduler_options", options.scheduler_options))
    _check_filesystems(asked["filesystems"])
    _check_placement(asked.get("place", ""), options.nodes_per_block)
    if "mig_config" in asked:
        _check_partitions(options.queue)
    _check_queue(options)
    check_run_dir(options, asked["filesystems"])


def _check_queue(options: ExecutorOptions) -> None:
    queue = polaris().queues.get(options.queue)
    if queue is None:
        _check_unlisted(options)
        return
    if queue.only_by_routing:
        parents = [each.name for each in polaris().queues.values() if queue.name in each.routes_to]
        raise OptionError(
            f"queue={queue.name!r} takes no jobs from users, only by routing {queue.citation}",
            remedy=f"use queue={' or '.join(parents)}, which routes jobs of {sizes([queue])} "
            f"nodes for {lengths([queue])} to it",
        )
    check_blocks(options.max_blocks, queue, check_size(options, queue))


def check_blocks_together(requests: Sequence[ExecutorOptions]) -> None:
    """Refuse more blocks of all executors of a run than their queue holds.

    Raises:
        OptionError: the executors that share a queue may ask for too many blocks together.
    """
    sharing: dict[tuple[str, str], list[int]] = {}
    for options in requests:
        queue = polaris().queues.get(options.queue)
        target = destination(options, queue) if queue else None
        if queue and target:
            sharing.setdefault((queue.name, target.name), []).append(options.max_blocks)
    for (name, target_name), blocks in sharing.items():
        if len(blocks) > 1:
            check_blocks(sum(blocks), polaris().queues[name], polaris().queues[target_name])


def _check_placement(place: str, nodes: int) -> None:
    if nodes > 1 and "pack" in place.split(":"):
        raise OptionError(
            f"scheduler_options asks for place={place}, all chunks on one node, and "
            f"nodes_per_block={nodes} for as many nodes: such a job would wait for ever",
            remedy="leave the placement out, or write place=scatter",
        )


def _check_partitions(queue: str) -> None:
    facts = polaris()
    if queue in facts.queues and queue not in facts.mig_queues:
        warn(
            f"scheduler_options asks for mig_config, which PBS ignores in {queue}: GPUs are divided "
            f"in {', '.join(facts.mig_queues)} only [{source('pbs.mig')}]",
        )


def _check_filesystems(filesystems: str) -> None:
    facts = polaris()
    for name in filesystems.split(":"):
        if name in facts.doubtful_filesystems:
            conflicts = (
                each for place, each in facts.conflicting_sources if place == "filesystems"
            )
            warn(
                f"scheduler_options asks for the filesystem {name!r}, on which sources disagree: "
                f"{next(each for each in conflicts if name in each.other)}",
            )
        elif name not in facts.filesystems:
            raise OptionError(
                f"scheduler_options asks for the filesystem {name!r}, which {facts.system} lacks "
                f"[{source('filesystems')}]",
                remedy=f"use some of {', '.join(facts.filesystems)}, joined by colons",
            )


def _check_unlisted(options: ExecutorOptions) -> None:
    facts, name = polaris(), options.queue
    if options.unlisted_queue or facts.is_closed_or_reserved(name):
        return
    near = difflib.get_close_matches(name.lower(), facts.queues, n=1)
    meant = f"did you mean {near[0]}? Or " if near else ""
    open_to_users = [queue.name for queue in facts.queues.values() if not queue.only_by_routing]
    raise OptionError(
        f"queue={name!r} is neither a queue of {facts.system} nor a reservation [{source('pbs')}]",
        remedy=f"{meant}use one of {', '.join(open_to_users)}, or a reservation such as R123456; if "
        f"`qstat -Q {name}` shows it, pass unlisted_queue=True",
    )
