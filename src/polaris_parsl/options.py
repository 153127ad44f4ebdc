"""What a user may ask for: names, defaults, and values that must fit each other."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from polaris_parsl import checks
from polaris_parsl.errors import OptionError, warn
from polaris_parsl.facts import Accelerator, polaris

# Arguments of Parsl and of older pages, and what stands for them here.
_REPLACED = {
    "app_cache": "leave it out: results of apps with cache=True are always remembered",
    "checkpoint_files": "leave it out: all checkpoints in run_dir are found and loaded",
    "checkpoint_mode": "leave it out: a checkpoint is written whenever a task ends",
    "cpu_affinity": "leave it out: it follows from the GPUs that get a worker",
    "max_workers": "use available_accelerators: one worker runs on each of them",
    "max_workers_per_node": "use available_accelerators: one worker runs on each of them",
    "nodes": "use nodes_per_block",
    "project": "use account",
    "select_options": "leave it out: every node is asked for with all its GPUs",
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """A checked request, complete with defaults. `Options.parse` makes it.

    Attributes:
        account: ALCF project to charge (PBS -A).
        queue: PBS queue.
        walltime: length of one block, H:MM:SS.
        nodes_per_block: nodes in one block (one PBS job), count.
        cpus_per_node: hardware threads that PBS gives on each node (ncpus), count.
        available_accelerators: GPUs of a node that get a worker, in the order of the workers.
        cores_per_worker: hardware threads per worker, count.
        scheduler_options: lines of "#PBS ..." for the job script.
        worker_init: shell text that runs on the first node of a block, after our own.
        run_dir: absolute directory for logs, job scripts and checkpoints.
        launcher: what starts the workers on the nodes of a block.
        label: name of the executor.
        init_blocks: blocks asked for at the start, count.
        min_blocks: blocks kept while there is nothing to do, count.
        max_blocks: blocks at the most, count.
        retries: times that a failed task runs again, count.
        heartbeat_period: seconds between heartbeats of node and driver.
        heartbeat_threshold: seconds of silence after which a node counts as lost.
        prefetch_capacity: tasks that wait on a node beyond those that run, count.
        encrypted: whether the traffic with the workers is encrypted (CurveZMQ).
        worker_debug: whether workers log at debug level.
        start_method: how workers are started; Parsl knows only "spawn" now.
        address: IP address that workers connect to, None for those of the interfaces.
        interface: network interface whose address workers connect to, None for the system's.
    """

    account: str
    queue: str
    walltime: str
    nodes_per_block: int
    cpus_per_node: int
    available_accelerators: tuple[Accelerator, ...]
    cores_per_worker: float
    scheduler_options: str
    worker_init: str
    run_dir: Path
    launcher: checks.Launcher
    label: str
    init_blocks: int
    min_blocks: int
    max_blocks: int
    retries: int
    heartbeat_period: int
    heartbeat_threshold: int
    prefetch_capacity: int
    encrypted: bool
    worker_debug: bool
    start_method: Literal["spawn"]
    address: str | None
    interface: str | None

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> "Options":
        """Check what a user gave, fill in the defaults of the facts file.

        Args:
            given: option names and values, as for `polaris_parsl.config`.

        Raises:
            OptionError: a name is unknown, a value cannot work, or two do not fit each other.
        """
        _refuse_unknown(given)
        facts = polaris()
        wanted = {
            **dict.fromkeys(("account", "address", "interface")),
            "scheduler_options": f"#PBS -l filesystems={facts.default_filesystems}",
            **facts.defaults,
            **given,
        }
        options = cls(**{name: check(name, wanted[name]) for name, check in _checks().items()})
        _refuse_misfits(options)
        if "start_method" in given:
            warn(
                "start_method can be left out: Parsl always spawns its workers now",
            )
        return options


def _checks() -> Mapping[str, checks.Check]:
    facts = polaris()
    return {
        "account": checks.account,
        "queue": checks.word,
        "walltime": checks.walltime,
        "nodes_per_block": checks.count(1, facts.node_count),
        "cpus_per_node": checks.count(1, facts.node.threads),
        "available_accelerators": checks.accelerators,
        "cores_per_worker": checks.number,
        "scheduler_options": checks.scheduler_options,
        "worker_init": checks.worker_init,
        "run_dir": checks.run_dir,
        "launcher": checks.launcher,
        "label": checks.word,
        "init_blocks": checks.count(0),
        "min_blocks": checks.count(0),
        "max_blocks": checks.count(1),
        "retries": checks.count(0),
        "heartbeat_period": checks.count(1),
        "heartbeat_threshold": checks.count(1),
        "prefetch_capacity": checks.count(0),
        "encrypted": checks.flag,
        "worker_debug": checks.flag,
        "start_method": checks.start_method,
        "address": checks.address,
        "interface": checks.interface,
    }


def _refuse_unknown(given: Mapping[str, Any]) -> None:
    known = [field.name for field in fields(Options)]
    for name in given:
        if name in known:
            continue
        if name in _REPLACED:
            raise OptionError(f"{name} is not an option of polaris_parsl", remedy=_REPLACED[name])
        near = difflib.get_close_matches(name, known, n=1)
        raise OptionError(
            f"{name} is not an option of polaris_parsl",
            remedy=f"did you mean {near[0]}?" if near else f"use one of: {', '.join(known)}",
        )


def _refuse_misfits(options: Options) -> None:
    workers = len(options.available_accelerators)
    threads = polaris().node.threads
    if options.cores_per_worker * workers > threads:
        raise OptionError(
            f"cores_per_worker={options.cores_per_worker:g} for {workers} workers is more than the "
            f"{threads} hardware threads of a node",
            remedy=f"give at most cores_per_worker={threads // workers}",
        )
    if not options.min_blocks <= options.init_blocks <= options.max_blocks:
        raise OptionError(
            f"min_blocks={options.min_blocks}, init_blocks={options.init_blocks} and "
            f"max_blocks={options.max_blocks} are not in rising order",
            remedy="choose them so that min_blocks <= init_blocks <= max_blocks",
        )
    if options.heartbeat_threshold <= options.heartbeat_period:
        raise OptionError(
            f"heartbeat_threshold={options.heartbeat_threshold} s is not longer than "
            f"heartbeat_period={options.heartbeat_period} s",
            remedy="let the threshold last several periods, or each node would count as lost",
        )
    if options.address is not None and options.interface is not None:
        raise OptionError(
            f"both address={options.address!r} and interface={options.interface!r} are given",
            remedy="give one of the two",
        )
