"""Every value that Parsl is handed, with the options it follows from and the reason.

The one place where a request becomes Parsl's arguments: `executor` builds Parsl's
objects from it, `explain` shows it.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from polaris_parsl.configuration.blocks.watch import Terms
from polaris_parsl.configuration.image import choose_image
from polaris_parsl.configuration.monitoring import COST, check_monitoring
from polaris_parsl.configuration.on_node import (
    modules_to_stage,
    node_script,
    stage_prefix,
    stages,
    start,
)
from polaris_parsl.configuration.parsl_internals.pool import (
    FORK,
    HEARTBEAT_PERIOD,
    INTERCHANGE,
    POOL,
    WHERE_DRIVER_LISTENS,
    launch_command,
)
from polaris_parsl.configuration.parsl_log import check_log, leaves_out_debug
from polaris_parsl.configuration.proxies import proxy_variables
from polaris_parsl.configuration.staged_modules import StagedModules
from polaris_parsl.configuration.worker_init import compose
from polaris_parsl.configuration.workers import accelerator_names, workers_of_node
from polaris_parsl.driver import Driver
from polaris_parsl.facts.polaris import polaris, source
from polaris_parsl.options.lookup import handed_to
from polaris_parsl.options.option import Receiver
from polaris_parsl.options.options import START_OF_BLOCK, ExecutorOptions
from polaris_parsl.options.paths import interpreter
from polaris_parsl.pbs.walltime import write_walltime

# Parsl's classes behind the kinds of ExecutorSettings.
CLASSES = {
    "htex": "HighThroughputExecutor",
    "mpi": "MPIExecutor",
    "pbspro": "PBSProProvider",
    "local": "LocalProvider",
    "mpiexec": "MpiExecLauncher",
    "gnu_parallel": "GnuParallelLauncher",
    "simple": "SimpleLauncher",
}
_WATCH = "polaris_parsl.configuration.node.with_driver"
_PARSL = "Parsl's documentation"


@dataclass(frozen=True)
class Setting:
    """An argument of one of Parsl's constructors.

    Attributes:
        value: what Parsl gets.
        options: the options that it follows from; none if it is always the same.
        why: the reason, "" where the option is handed on as it is.
        source: where the knowledge comes from.
    """

    value: Any
    options: tuple[str, ...] = ()
    why: str = ""
    source: str = ""


Settings = Mapping[str, Setting]


def values(settings: Settings) -> dict[str, Any]:
    """The bare arguments."""
    return {name: setting.value for name, setting in settings.items()}


@dataclass(frozen=True)
class ExecutorSettings:
    """An executor with its provider and launcher.

    Attributes:
        executor: arguments of the executor; its kind is "mpi" for MPI tasks over nodes.
        provider: arguments of the provider, "local" inside a job and "pbspro" otherwise.
        launcher: arguments of the launcher.
        addresses: where the workers connect to; Parsl's constructor takes only one.
        variables: what tasks get beside the environment of the driver.
        watch: what our watch over the blocks is handed.
        terms: the same, and what Parsl is handed, too, for the watch.
        modules: the user's packages that go to the nodes' own disks.
    """

    executor_kind: Literal["htex", "mpi"]
    executor: Settings
    provider_kind: Literal["pbspro", "local"]
    provider: Settings
    launcher_kind: Literal["mpiexec", "gnu_parallel", "simple"]
    launcher: Settings
    addresses: Setting
    variables: Settings
    watch: Settings
    terms: Terms
    modules: StagedModules | None


def executor_settings(
    options: ExecutorOptions, driver: Driver, addresses: Sequence[str]
) -> ExecutorSettings:
    """What an executor gets that does what the options ask for.

    Raises:
        OptionError: the workers do not fit on a node, or a path would break the job script.
    """
    is_mpi = options.max_workers_per_block is not None
    modules = modules_to_stage(options)
    common = _common(options, driver, modules)
    return ExecutorSettings(
        executor_kind="mpi" if is_mpi else "htex",
        executor={**common, **(_mpi(options) if is_mpi else _pool(options))},
        provider_kind="local" if options.mode == "inside_job" else "pbspro",
        provider=_provider(options, driver),
        launcher_kind="simple" if is_mpi else options.launcher,
        launcher=_launcher(options),
        addresses=Setting(
            list(addresses),
            ("address", "interface"),
            "the addresses of this node that compute nodes reach; workers try each",
            source("network"),
        ),
        variables={"proxy": _proxy(options, driver)},
        watch={
            "pbs_patience": Setting(
                write_walltime(options.pbs_patience),
                ("pbs_patience",),
                "jobs are asked for again so long while PBS does not answer",
            )
        },
        terms=Terms(
            max_blocks=options.max_blocks,
            patience_seconds=options.pbs_patience.total_seconds(),
            ends_run=options.value("block_error_handler"),
            keeps_number=options.strategy == "none",
        ),
        modules=modules,
    )


def _proxy(options: ExecutorOptions, driver: Driver) -> Setting:
    found = proxy_variables(options.proxy, driver.proxies)
    if not found:
        unset = "proxy variables are unset" if options.proxy == "none" else "the driver has none"
        return Setting(options.proxy, ("proxy",), unset)
    return Setting(
        {name: value for name, value in found.items() if name.islower()},
        ("proxy",),
        "tasks get these variables, in upper case, too; no_proxy spares traffic within the system",
        source("proxy"),
    )


def run_settings(options: ExecutorOptions) -> Settings:
    """Arguments of parsl.Config, without executors and memoizer."""
    return {
        **_handed_on(options, "config"),
        "run_dir": Setting(
            str(options.run_dir), ("run_dir",), "made absolute, for the nodes to find it"
        ),
        **_logging(options),
        **_monitoring(options),
    }


def _logging(options: ExecutorOptions) -> Settings:
    asked = options.value("initialize_logging")
    check_log(asked)
    shown = asked if isinstance(asked, bool | str) else type(asked).__name__
    why = "" if isinstance(asked, bool) else "for driver, interchange and workers"
    if leaves_out_debug(options):
        why = "without the lines of its debug level, which worker_debug=True adds"
    return {"initialize_logging": Setting(shown, ("initialize_logging",), why)}


def _monitoring(options: ExecutorOptions) -> Settings:
    if not options.monitoring:
        return {}
    check_monitoring()
    return {"monitoring": Setting("MonitoringHub", ("monitoring",), COST, _PARSL)}


def _common(
    options: ExecutorOptions, driver: Driver, modules: StagedModules | None
) -> dict[str, Setting]:
    return {
        **_handed_on(options, "executor"),
        **_drain(options),
        "launch_cmd": Setting(
            _launch_command(options, driver, modules),
            ("run_dir", "start_dir", "workers_per_gpu", "stage", "stage_modules", "start_method"),
            "the driver's interpreter by its path, not a look-up on PATH; tasks start in "
            + ("start_dir" if options.start_dir else "run_dir")
            + (f"; modules in {driver.beside} are found, after all others" if driver.beside else "")
            + "; the workers end with the driver"
            + (
                "; they are forked from a process that has imported Parsl"
                if _forks(options)
                else ""
            )
            + f"; {choose_image().why}"
            + ("; each node has a copy on its own disk" if stages(options) else "")
            + (f", and of {', '.join(modules.roots)}" if modules else "")
            + ("; NVIDIA MPS runs on every node" if _needs_mps(options) else ""),
            source("node.mps") if _needs_mps(options) else _PARSL,
        ),
        "interchange_launch_cmd": Setting(
            [
                *(str(driver.python), "-P", *start(INTERCHANGE)),
                *(HEARTBEAT_PERIOD, str(options.heartbeat_period)),
            ],
            ("heartbeat_period",),
            "the driver's interpreter by its path, not a look-up on PATH; started so that it ends "
            "with the driver, and asks a node whose heartbeat is late",
            _PARSL,
        ),
    }


def _drain(options: ExecutorOptions) -> dict[str, Setting]:
    """Stop taking tasks so early that each ends before the walltime does."""
    if options.task_walltime is None:
        return {}
    left = options.walltime - options.task_walltime - START_OF_BLOCK
    why = "the walltime less task_walltime, and less a minute for the start of the block"
    return {
        "drain_period": Setting(int(left.total_seconds()), ("task_walltime", "walltime"), why),
    }


def _pool(options: ExecutorOptions) -> dict[str, Setting]:
    workers = workers_of_node(options)
    on_gpus = bool(options.available_accelerators)
    follows = ("available_accelerators", "workers_per_gpu", "gpus_per_worker")
    if not on_gpus:
        follows = ("available_accelerators", "max_workers_per_node", "cores_per_worker")
    return {
        "max_workers_per_node": Setting(
            len(workers),
            follows,
            "as many as the node's GPUs or CPUs are shared out to",
            source("node"),
        ),
        "available_accelerators": Setting(
            accelerator_names(workers) if on_gpus else [],
            follows,
            "one name for each worker, for its CUDA_VISIBLE_DEVICES" if on_gpus else "CPU only",
            source("node"),
        ),
        "cpu_affinity": Setting(
            "list:" + ":".join(worker.cpus for worker in workers),
            follows,
            "the CPUs of the NUMA domain of each worker's GPU, one entry for each worker"
            if on_gpus
            else "whole cores of one NUMA domain after the other, one entry for each worker",
            source("node"),
        ),
        "cores_per_worker": Setting(options.cores_per_worker, ("cores_per_worker",)),
    }


def _mpi(options: ExecutorOptions) -> dict[str, Setting]:
    return {
        "max_workers_per_block": Setting(
            options.max_workers_per_block,
            ("max_workers_per_block",),
            "MPI tasks at once; each says its nodes and ranks in parsl_resource_specification",
        ),
        "mpi_launcher": Setting("mpiexec", (), "what PALS has", source("node")),
    }


def _provider(options: ExecutorOptions, driver: Driver) -> Settings:
    common = {
        "nodes_per_block": Setting(
            options.nodes_per_block,
            ("nodes_per_block",),
            f"of the running job: {', '.join(options.nodes)}" if options.nodes else "",
        ),
        "worker_init": Setting(
            compose(
                options,
                driver,
                _rank_variables(options),
                image=choose_image().path if stages(options) else None,
            ),
            ("worker_init", "run_dir", "proxy"),
            "makes the driver's environment again on the node, or stops the job with the reason",
        ),
        **_handed_on(options, "provider"),
    }
    if options.mode == "inside_job":
        return common
    return {
        **_handed_on(options, "pbs provider"),
        "cpus_per_node": Setting(options.cpus_per_node, ("cpus_per_node",), "PBS calls it ncpus"),
        "select_options": Setting(
            f"ngpus={len(polaris().node.accelerators)}",
            (),
            "every node with all its GPUs, so that no two chunks share one",
            source("node"),
        ),
        "scheduler_options": Setting(
            options.scheduler_options, ("scheduler_options",), "", source("pbs")
        ),
        **common,
    }


def _launcher(options: ExecutorOptions) -> Settings:
    if options.launcher == "gnu_parallel" or options.max_workers_per_block is not None:
        return {}
    node = polaris().node
    return {
        "bind_cmd": Setting(
            "--cpu-bind",
            (),
            'Parsl appends "none": the pool sees all CPUs and binds its workers itself',
            source("node"),
        ),
        "overrides": Setting(
            f"--depth={node.threads} --ppn 1 --env TMPDIR={node.tmpdir}",
            (),
            "one pool a node, and a TMPDIR short enough for Python's sockets",
            source("node"),
        ),
    }


def _handed_on(options: ExecutorOptions, receiver: Receiver) -> dict[str, Setting]:
    """The options that one of Parsl's objects gets unchanged."""
    names = handed_to(receiver)
    return {name: Setting(_as_parsl_takes(options.value(name)), (name,)) for name in names}


def _as_parsl_takes(value: Any) -> Any:
    if isinstance(value, timedelta):
        return write_walltime(value)
    return str(value) if isinstance(value, Path) else value


def _needs_mps(options: ExecutorOptions) -> bool:
    return bool(options.available_accelerators) and options.workers_per_gpu > 1


def mps_prefix(options: ExecutorOptions) -> str:
    """What goes before the command of a pool to have NVIDIA MPS on its node; "" without need."""
    if not _needs_mps(options):
        return ""
    mps = polaris().node.mps
    script = shlex.quote(str(node_script("with_mps.sh")))
    return f"sh {script} {mps.pipe_directory} {mps.log_directory} -- "


def _forks(options: ExecutorOptions) -> bool:
    return bool(options.value("start_method") == "forkserver")


def _launch_command(options: ExecutorOptions, driver: Driver, modules: StagedModules | None) -> str:
    """Parsl's command of a pool, by absolute interpreter instead of a look-up on PATH."""
    python = f"{shlex.quote(str(interpreter(driver.python)))} -P"
    watch = f"{python} {shlex.join(start(_WATCH))}"
    pool_words = [*start(POOL, driver.beside), *([FORK] if _forks(options) else [])]
    workers = f"{python} {shlex.join(pool_words)}"
    pool = f"{mps_prefix(options)}{watch} {WHERE_DRIVER_LISTENS} -- {workers}"
    pool = f"{stage_prefix(options, driver, modules)}{pool}"
    # ssh starts in HOME, where tasks would leave their files.
    return f"cd {shlex.quote(str(options.start_dir or options.run_dir))} && exec {launch_command(pool)}"


def _rank_variables(options: ExecutorOptions) -> dict[str, str]:
    """What the tasks of an MPIExecutor need to give each rank its GPU and CPUs."""
    gpus = options.available_accelerators
    if options.max_workers_per_block is None or not gpus:
        return {}
    return {
        "POLARIS_PARSL_RANK": f"sh {_as_one_word(str(node_script('rank.sh')))}",
        "POLARIS_PARSL_GPU_CPUS": " ".join(f"{each.gpu}:{each.cpus}" for each in gpus),
    }


def _as_one_word(path: str) -> str:
    """A shell's pattern for a path, which is one word also where a variable holds it and is not quoted."""
    return re.sub(r"\s", "[[:space:]]", re.sub(r"([*?\[])", r"[\1]", path.replace("\\", "[\\\\]")))
