"""What a user may ask for: names, defaults, and values that must fit each other."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

from polaris_parsl.errors import OptionError, set_in
from polaris_parsl.facts.polaris import Accelerator, polaris, source
from polaris_parsl.options import checks
from polaris_parsl.options.paths import run_dir
from polaris_parsl.pbs.walltime import write_walltime

# Arguments of Parsl and of older pages, and what stands for them here.
REPLACED = {
    "app_cache": "leave it out: results of apps with cache=True are always remembered",
    "bind_cmd": "leave it out: the launcher gets the flags of the system's mpiexec",
    "checkpoint_files": "leave it out: all checkpoints in run_dir are found and loaded",
    "checkpoint_mode": "leave it out: a checkpoint is written whenever a task ends",
    "checkpoint_period": "leave it out: a checkpoint is written whenever a task ends",
    "cpu_affinity": "leave it out: it follows from the workers of a node",
    "max_workers": "use available_accelerators, or for CPU-only work max_workers_per_node",
    "monitoring": "leave it out, and set the attribute of that name of the Config that you get",
    "nodes": "use nodes_per_block",
    "nodes_per_job": "use nodes_per_block",
    "overrides": "leave it out: the launcher gets the flags of the system's mpiexec",
    "project": "use account",
    "select_options": "leave it out: every node is asked for with all its GPUs",
    "working_dir": "use run_dir: tasks start in it",
}


# More than anybody means; Parsl's own arithmetic has trouble with numbers far beyond.
_MANY_TASKS = 1_000_000
_LEAST_SHARE_OF_A_THREAD = 0.01
_LEAST_SECONDS = 0.001
# What holds for a run as a whole, not for one of its executors.
RUN_LEVEL = frozenset(
    [
        "executors",
        "mode",
        "run_dir",
        "retries",
        "strategy",
        "max_idletime",
        "usage_tracking",
        "initialize_logging",
        "start_method",
    ]
)


@dataclass(frozen=True, kw_only=True)
class ExecutorOptions:
    """A checked request for one executor, complete with defaults. `ExecutorOptions.parse` makes it.

    Attributes:
        mode: where the workers run: blocks through PBS, in the running job, or in the sandbox.
        account: ALCF project to charge (PBS -A); None only inside a job.
        queue: PBS queue.
        walltime: length of one block.
        nodes_per_block: nodes in one block (one PBS job), count.
        nodes: names of the nodes of the running job that this executor uses; none for blocks.
        cpus_per_node: hardware threads that PBS gives on each node (ncpus), count.
        available_accelerators: GPUs of a node that get workers, in their order; none for CPU only.
        workers_per_gpu: workers that share a GPU, count.
        gpus_per_worker: GPUs that a worker has for itself, count.
        max_workers_per_node: workers on a node, count; None for as many as fit.
        max_workers_per_block: MPI tasks at once in a block, count; None for tasks without MPI.
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
        drain_period: seconds after which a node gets no more tasks, None for never.
        address_probe_timeout: seconds that a node tries one address of the driver, None for Parsl's.
        cmd_timeout: seconds that qsub, qstat and qdel may take.
        prefetch_capacity: tasks that wait on a node beyond those that run, count.
        encrypted: whether the traffic with the workers is encrypted (CurveZMQ).
        worker_debug: whether workers log at debug level.
        block_error_handler: whether Parsl gives up after several blocks that failed.
        strategy: how Parsl asks for and gives back blocks.
        max_idletime: seconds after which an idle block is given back.
        usage_tracking: what Parsl reports home, 0 (nothing) to 3.
        initialize_logging: whether Parsl writes parsl.log.
        start_method: how workers are started; Parsl knows only "spawn" now.
        address: IP address that workers connect to, None for those of the interfaces.
        interface: network interface whose address workers connect to, None for the system's.
    """

    mode: checks.Mode
    account: str | None
    queue: str
    walltime: timedelta
    nodes_per_block: int
    nodes: tuple[str, ...]
    cpus_per_node: int
    available_accelerators: tuple[Accelerator, ...]
    workers_per_gpu: int
    gpus_per_worker: int
    max_workers_per_node: int | None
    max_workers_per_block: int | None
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
    drain_period: int | None
    address_probe_timeout: int | None
    cmd_timeout: int
    prefetch_capacity: int
    encrypted: bool
    worker_debug: bool
    block_error_handler: bool
    strategy: checks.Strategy
    max_idletime: float
    usage_tracking: int
    initialize_logging: bool
    start_method: Literal["spawn"]
    address: str | None
    interface: str | None

    @classmethod
    def parse(
        cls,
        given: Mapping[str, Any],
        *,
        nodes: tuple[str, ...] = (),
        places: Mapping[str, str] | None = None,
    ) -> "ExecutorOptions":
        """Check what a user gave, fill in the defaults of the facts file.

        Args:
            given: option names and values, as for `polaris_parsl.config` but for `executors`.
            nodes: nodes of the running job to use, for mode "inside_job".
            places: file or variable that an option stands in, for messages.

        Raises:
            OptionError: a name is unknown, a value cannot work, or two do not fit each other.
        """
        refuse_unknown(given)
        wanted = {**defaults(), **given}
        values = {}
        for name, check in option_checks().items():
            with set_in((places or {}).get(name, "")):
                values[name] = check(name, wanted[name])
        options = cls(nodes=nodes, **values)
        refuse_misfits(options)
        return options


def defaults() -> Mapping[str, Any]:
    """The value of every option that nobody sets.

    Source: [defaults] and [filesystems] in facts/polaris.toml.
    """
    facts = polaris()
    return {
        **dict.fromkeys(option_checks()),
        "mode": "blocks",
        "scheduler_options": f"#PBS -l filesystems={facts.default_filesystems}",
        **facts.defaults,
    }


@cache
def option_checks() -> Mapping[str, checks.Check]:
    """The check of each option's value, by name; the names are all there are."""
    facts = polaris()
    seconds = checks.count(1, checks.SECONDS_MAX)
    return {
        "account": checks.account,
        "queue": checks.word,
        "walltime": checks.walltime,
        "mode": checks.choice(checks.Mode),
        "nodes_per_block": checks.count(1, facts.node_count, "system"),
        "cpus_per_node": checks.count(1, facts.node.threads, "node"),
        "available_accelerators": checks.accelerators,
        "workers_per_gpu": checks.count(
            1, facts.node.threads // len(facts.node.accelerators), "node"
        ),
        "gpus_per_worker": checks.count(1, len(facts.node.accelerators), "node"),
        "max_workers_per_node": checks.optional(checks.count(1, facts.node.threads, "node")),
        "max_workers_per_block": checks.optional(checks.count(1, facts.node_count, "system")),
        "cores_per_worker": checks.number(_LEAST_SHARE_OF_A_THREAD, facts.node.threads),
        "scheduler_options": checks.scheduler_options,
        "worker_init": checks.worker_init,
        "run_dir": run_dir,
        "launcher": checks.choice(checks.Launcher),
        "label": checks.word,
        # each block has a node at least
        "init_blocks": checks.count(0, facts.node_count, "system"),
        "min_blocks": checks.count(0, facts.node_count, "system"),
        "max_blocks": checks.count(1, facts.node_count, "system"),
        "retries": checks.count(0, _MANY_TASKS),
        "heartbeat_period": seconds,
        "heartbeat_threshold": seconds,
        "drain_period": checks.optional(seconds),
        "address_probe_timeout": checks.optional(seconds),
        "cmd_timeout": seconds,
        "prefetch_capacity": checks.count(0, _MANY_TASKS),
        "encrypted": checks.flag,
        "worker_debug": checks.flag,
        "block_error_handler": checks.flag,
        "strategy": checks.choice(checks.Strategy),
        "max_idletime": checks.number(_LEAST_SECONDS, checks.SECONDS_MAX),
        "usage_tracking": checks.count(0, 3),
        "initialize_logging": checks.flag,
        "start_method": checks.start_method,
        "address": checks.address,
        "interface": checks.interface,
    }


def refuse_unknown(given: Iterable[str], *, known: Iterable[str] | None = None) -> None:
    """Refuse names that are no options, with the one that was probably meant.

    Args:
        given: the names.
        known: names that are options here; default: all but `executors`.

    Raises:
        OptionError: one of them is none.
    """
    names = list(option_checks() if known is None else known)
    for name in given:
        if name in names:
            continue
        if name in REPLACED:
            raise OptionError(f"{name} is not an option of polaris_parsl", remedy=REPLACED[name])
        near = difflib.get_close_matches(str(name), names, n=1)
        raise OptionError(
            f"{name} is not an option of polaris_parsl",
            remedy=f"did you mean {near[0]}?" if near else f"use one of: {', '.join(names)}",
        )


def refuse_misfits(options: ExecutorOptions) -> None:
    """Refuse values that are right by themselves and wrong together.

    Raises:
        OptionError: two of them do not fit each other.
    """
    if options.account is None and options.mode != "inside_job":
        raise OptionError(
            f"no account is given, and PBS refuses a job without one [{source('pbs')}]",
            remedy='pass account="..." with the ALCF project to charge (`sbank` lists yours)',
        )
    _refuse_misfit_times(options)
    if not options.min_blocks <= options.init_blocks <= options.max_blocks:
        raise OptionError(
            f"min_blocks={options.min_blocks}, init_blocks={options.init_blocks} and "
            f"max_blocks={options.max_blocks} are not in rising order",
            remedy="choose them so that min_blocks <= init_blocks <= max_blocks",
        )
    if options.address is not None and options.interface is not None:
        raise OptionError(
            f"both address={options.address!r} and interface={options.interface!r} are given",
            remedy="give one of the two",
        )
    if options.address and options.mode == "blocks" and ip_address(options.address).is_loopback:
        raise OptionError(
            f"address={options.address!r} is this node's own: workers on other nodes would find "
            "themselves there",
            remedy="give the address that compute nodes reach, or leave it out",
        )
    if options.strategy == "none" and not options.init_blocks:
        raise OptionError(
            "strategy='none' with init_blocks=0 never asks for a block, so no task would ever run",
            remedy="let init_blocks be 1 or more, or leave strategy out",
        )
    if options.max_workers_per_block is not None:
        _refuse_misfit_mpi(options)


def _refuse_misfit_times(options: ExecutorOptions) -> None:
    if options.heartbeat_threshold <= options.heartbeat_period:
        raise OptionError(
            f"heartbeat_threshold={options.heartbeat_threshold} s is not longer than "
            f"heartbeat_period={options.heartbeat_period} s",
            remedy="let the threshold last several periods, or each node would count as lost",
        )
    if options.drain_period is None or options.mode == "inside_job":
        return
    if timedelta(seconds=options.drain_period) >= options.walltime:
        raise OptionError(
            f"drain_period={options.drain_period} s is not shorter than "
            f"walltime={write_walltime(options.walltime)!r}, "
            f"{options.walltime.total_seconds():.0f} s",
            remedy="give the walltime less the time of the longest task, or leave it out",
        )


def _refuse_misfit_mpi(options: ExecutorOptions) -> None:
    tasks = options.max_workers_per_block
    assert tasks is not None, "the caller has looked"
    if tasks > options.nodes_per_block:
        raise OptionError(
            f"max_workers_per_block={tasks} MPI tasks at once need as many nodes, and "
            f"nodes_per_block={options.nodes_per_block}",
            remedy=f"give at most max_workers_per_block={options.nodes_per_block}: nodes_per_block "
            "divided by the nodes of a task",
        )
    usual = defaults()
    for name in ("workers_per_gpu", "gpus_per_worker", "max_workers_per_node", "launcher"):
        if getattr(options, name) != usual[name]:
            raise OptionError(
                f"{name}={getattr(options, name)!r} has no meaning for MPI tasks, which "
                f"max_workers_per_block={tasks} asks for",
                remedy=f"leave {name} out; the ranks of a task get their GPUs by "
                "`$PARSL_MPI_PREFIX $POLARIS_PARSL_RANK program`",
            )
