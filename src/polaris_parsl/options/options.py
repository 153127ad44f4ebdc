"""The checked options of an executor, and what must fit each other among them."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from polaris_parsl.errors import OptionError, set_in
from polaris_parsl.facts.polaris import Accelerator, source
from polaris_parsl.options import checks, preset
from polaris_parsl.options.lookup import check_value
from polaris_parsl.options.table import OPTIONS
from polaris_parsl.pbs.walltime import write_walltime

# From the start of a job to that of its workers, which Parsl's drain counts from.
START_OF_BLOCK = timedelta(minutes=1)

# Arguments of Parsl and of older pages, and what stands for them here.
REPLACED = {
    "app_cache": "leave it out: results of apps with cache=True are always remembered",
    "bind_cmd": "leave it out: the launcher gets the flags of the system's mpiexec",
    "checkpoint_files": "leave it out: all checkpoints in run_dir are found and loaded",
    "checkpoint_mode": "leave it out: a checkpoint is written whenever a task ends",
    "checkpoint_period": "leave it out: a checkpoint is written whenever a task ends",
    "cpu_affinity": "leave it out: it follows from the workers of a node",
    "max_workers": "use available_accelerators, or for CPU-only work max_workers_per_node",
    "nodes": "use nodes_per_block",
    "nodes_per_job": "use nodes_per_block",
    "overrides": "leave it out: the launcher gets the flags of the system's mpiexec",
    "project": "use account",
    "select_options": "leave it out: every node is asked for with all its GPUs",
    "working_dir": "use start_dir, in which tasks start",
}


@dataclass(frozen=True, kw_only=True)
class ExecutorOptions:
    """The checked options of one executor, complete with defaults. `parse` makes them.

    The table of options says what each is. Those that the package computes with are fields, with
    the type that their check returns.

    Attributes:
        account: None only inside a job.
        nodes: names of the nodes of the running job that this executor uses; none for blocks.
        available_accelerators: GPUs of a node that get workers, in their order; none for CPU only.
        handed_on: the other options, with which the package does not compute.
    """

    account: str | None
    queue: str
    unlisted_queue: bool
    stage: bool
    stage_modules: tuple[str, ...]
    walltime: timedelta
    mode: checks.Mode
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
    start_dir: Path | None
    proxy: checks.Proxy
    launcher: checks.Launcher
    label: str
    init_blocks: int
    min_blocks: int
    max_blocks: int
    pbs_patience: timedelta
    strategy: checks.Strategy
    max_idletime: float
    retries: int
    checkpoint_version: str | None
    task_walltime: timedelta | None
    drain_period: int | None
    address: str | None
    interface: str | None
    monitoring: bool
    heartbeat_period: int
    heartbeat_threshold: int
    record: bool
    preset: preset.Name | None
    handed_on: Mapping[str, Any]

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
        known = {name: each for name, each in OPTIONS.items() if each.check}
        refuse_unknown(given, known=known)
        values = {}
        for name, option in known.items():
            with set_in((places or {}).get(name, "")):
                values[name] = check_value(name, given.get(name, option.default_value))
        own = {field.name for field in fields(cls)}
        handed_on = {name: value for name, value in values.items() if name not in own}
        computed_with = {name: value for name, value in values.items() if name in own}
        options = cls(nodes=nodes, handed_on=handed_on, **computed_with)
        refuse_misfits(options)
        return options

    def value(self, option: str) -> Any:
        """The value of an option by its name."""
        return self.handed_on[option] if option in self.handed_on else getattr(self, option)


def refuse_unknown(given: Iterable[str], *, known: Iterable[str]) -> None:
    """Refuse names that are not options, with the one that was probably meant.

    Args:
        given: the names.
        known: names that are options here.

    Raises:
        OptionError: one of them is none.
    """
    names = list(known)
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
    if options.account and options.mode == "blocks":
        checks.refuse_our_placeholder(options.account)
    _refuse_misfit_times(options)
    if not options.min_blocks <= options.init_blocks <= options.max_blocks:
        raise OptionError(
            f"min_blocks={options.min_blocks}, init_blocks={options.init_blocks} and "
            f"max_blocks={options.max_blocks} are not in rising order",
            remedy="choose them so that min_blocks <= init_blocks <= max_blocks",
        )
    _refuse_misfit_workers(options)
    if options.address is not None and options.interface is not None:
        raise OptionError(
            f"both address={options.address!r} and interface={options.interface!r} are given",
            remedy="give one of the two",
        )
    if options.address and options.mode == "blocks" and ip_address(options.address).is_loopback:
        raise OptionError(
            f"address={options.address!r} is a loopback address; workers on other nodes cannot "
            "reach it",
            remedy="give the address that compute nodes reach, or leave it out",
        )
    # in the sandbox, too, which rehearses what Polaris will refuse
    if options.interface == "lo" and options.mode != "inside_job":
        raise OptionError(
            "interface='lo' is the loopback interface; workers on other nodes cannot reach it",
            remedy="name one that compute nodes reach, or leave it out",
        )
    if options.strategy == "none" and not options.init_blocks:
        raise OptionError(
            "strategy='none' with init_blocks=0 never asks for a block, so no task would ever run",
            remedy="let init_blocks be 1 or more, or leave strategy out",
        )
    if options.max_workers_per_block is not None:
        _refuse_misfit_mpi(options)


def _refuse_misfit_workers(options: ExecutorOptions) -> None:
    if options.stage_modules and not options.stage:
        raise OptionError(
            f"stage_modules={list(options.stage_modules)!r} beside stage=False, with which nodes get no files",
            remedy="leave one of the two out",
        )
    if options.value("worker_debug") and not isinstance(options.value("initialize_logging"), bool):
        raise OptionError(
            f"worker_debug=True beside initialize_logging={options.value('initialize_logging')!r}, which says "
            "how workers log",
            remedy="leave worker_debug out, or give initialize_logging=True",
        )


def _refuse_misfit_times(options: ExecutorOptions) -> None:
    if options.heartbeat_threshold <= options.heartbeat_period:
        raise OptionError(
            f"heartbeat_threshold={options.heartbeat_threshold} s is not longer than "
            f"heartbeat_period={options.heartbeat_period} s",
            remedy="let the threshold last several periods, or each node would count as lost",
        )
    _refuse_misfit_tasks(options)
    if options.drain_period is None or options.mode == "inside_job":
        return
    if timedelta(seconds=options.drain_period) >= options.walltime:
        raise OptionError(
            f"drain_period={options.drain_period} s is not shorter than "
            f"walltime={write_walltime(options.walltime)!r}, "
            f"{options.walltime.total_seconds():.0f} s",
            remedy="give the walltime less the time of the longest task, or leave it out",
        )


def _refuse_misfit_tasks(options: ExecutorOptions) -> None:
    if options.task_walltime is None:
        return
    length = write_walltime(options.task_walltime)
    if options.drain_period is not None:
        raise OptionError(
            f"both task_walltime={length!r} and drain_period={options.drain_period} are given",
            remedy="give one of the two: task_walltime sets drain_period",
        )
    if options.mode == "inside_job":
        raise OptionError(
            f"task_walltime={length!r} inside a job, whose rest of time is not known",
            remedy="pass drain_period=, in seconds from now",
        )
    if options.task_walltime + START_OF_BLOCK >= options.walltime:
        raise OptionError(
            f"task_walltime={length!r} and {write_walltime(START_OF_BLOCK)} for the start of a block do "
            f"not fit into walltime={write_walltime(options.walltime)!r}",
            remedy="give a longer walltime",
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
    for name in ("workers_per_gpu", "gpus_per_worker", "max_workers_per_node", "launcher"):
        if getattr(options, name) != OPTIONS[name].default_value:
            raise OptionError(
                f"{name}={getattr(options, name)!r} has no meaning for MPI tasks, which "
                f"max_workers_per_block={tasks} asks for",
                remedy=f"leave {name} out; the ranks of a task get their GPUs by "
                "`$PARSL_MPI_PREFIX $POLARIS_PARSL_RANK program`",
            )
