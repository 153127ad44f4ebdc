"""How tasks run: their workers, what becomes of them, how workers and driver connect, and what is logged."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, TypedDict

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options import checks, logs, preset
from polaris_parsl.options.checks import WholeNumber
from polaris_parsl.options.option import Option

_FACTS = polaris()
_THREADS, _GPUS = _FACTS.node.threads, len(_FACTS.node.accelerators)
# More than anybody means; Parsl's own arithmetic has trouble with numbers far beyond.
_MANY_TASKS = 1_000_000
_LEAST_SHARE_OF_A_THREAD = 0.01
_seconds = WholeNumber(1, checks.SECONDS_MAX)


# Rows are laid out as a table.
# fmt: off
class WorkerOptions(TypedDict, total=False):
    """The workers of a node."""

    available_accelerators: Annotated[int | Sequence[int] | None, Option(
        help="How many GPUs of a node get workers, or their numbers; each worker runs on the CPUs of "
        "its GPU's NUMA domain. 0 is for CPU-only work.",
        check=checks.accelerators,
        unit="GPUs",
    )]
    workers_per_gpu: Annotated[int | None, Option(
        help="Workers that share a GPU; above 1, NVIDIA's Multi-Process Service runs on every node.",
        check=WholeNumber(1, _THREADS // _GPUS, "node"),
        unit="workers",
    )]
    gpus_per_worker: Annotated[int | None, Option(
        help="GPUs that each worker has for itself.",
        check=WholeNumber(1, _GPUS, "node"),
        unit="GPUs",
    )]
    max_workers_per_node: Annotated[int | None, Option(
        help="Workers on a node without GPUs, which share its CPUs; with GPUs it follows from the "
        "options above.",
        check=checks.optional(WholeNumber(1, _THREADS, "node")),
        unit="workers",
        otherwise="as many as fit",
    )]
    max_workers_per_block: Annotated[int | None, Option(
        help="MPI tasks that run at once in a block (Parsl's MPIExecutor). A task runs "
        "`$PARSL_MPI_PREFIX program`, or `$PARSL_MPI_PREFIX --cpu-bind none $POLARIS_PARSL_RANK "
        "program` to give each rank its GPU and CPUs.",
        check=checks.optional(WholeNumber(1, _FACTS.node_count, "system")),
        unit="tasks",
        otherwise="tasks run on one node, without MPI",
    )]
    cores_per_worker: Annotated[float | None, Option(
        help="Hardware threads that Parsl counts for a worker; without GPUs, those that each worker "
        "has for itself.",
        check=checks.number(_LEAST_SHARE_OF_A_THREAD, _THREADS),
        unit="hardware threads",
    )]
    executors: Annotated[Mapping[str, Mapping[str, Any]] | None, Option(
        help="Several executors in one run: for each label, the options in which it differs. Inside a "
        "job, nodes_per_block shares out the nodes.",
        check=None,
        otherwise="one executor",
        is_for_run=True,
    )]
    stage: Annotated[bool | None, Option(
        help="Whether workers start from the disk of their node, where it has room.",
        check=checks.flag, default=True, not_for_endpoint="an endpoint starts its own workers",
    )]
    stage_modules: Annotated[Sequence[str] | None, Option(
        help="Packages that go to the disk of each node, too: your own, or heavy ones of the base.",
        check=checks.module_names,
        default=(),
        otherwise="what workers start from, alone",
        not_for_endpoint="an endpoint starts its own workers",
    )]


class TaskOptions(TypedDict, total=False):
    """The tasks."""

    retries: Annotated[int | None, Option(
        help="Times that a failed task runs again.",
        check=WholeNumber(0, _MANY_TASKS),
        is_for_run=True,
        handed_to="config",
    )]
    checkpoint_version: Annotated[str | None, Option(
        help='A text of yours in place of the code of the apps: results of earlier runs with the same '
        'text are taken, though the code has changed; "ignore" takes the results of any code.',
        check=checks.optional(checks.text),
        otherwise="results of earlier runs are taken while the app's code is the same",
        is_for_run=True,
        not_for_endpoint="it keeps no checkpoints",
    )]
    prefetch_capacity: Annotated[int | None, Option(
        help="Tasks that wait on a node beyond those that run; with 0, no GPU idles while tasks wait "
        "elsewhere.",
        check=WholeNumber(0, _MANY_TASKS),
        unit="tasks",
        handed_to="executor",
    )]
    task_walltime: Annotated[str | timedelta | None, Option(
        help="Length of the longest task: H:MM:SS, or a timedelta. A node takes no task that the walltime "
        "could cut off.",
        check=checks.optional(checks.walltime),
        otherwise="a node takes tasks until its walltime",
        not_for_endpoint="a block of an endpoint ends by its own rules",
    )]
    drain_period: Annotated[int | None, Option(
        help="Time after which a node gets no new tasks, to end before the walltime does.",
        check=checks.optional(_seconds),
        unit="seconds",
        otherwise="never",
        handed_to="executor",
    )]


class ConnectionOptions(TypedDict, total=False):
    """The connection between workers and driver."""

    address: Annotated[str | None, Option(
        help="IP address of this node that workers connect to.",
        check=checks.address,
        otherwise="the addresses of the interfaces that compute nodes reach",
    )]
    interface: Annotated[str | None, Option(
        help="Network interface of this node that workers connect to.",
        check=checks.interface,
        otherwise="the interfaces that compute nodes reach",
    )]
    address_probe_timeout: Annotated[int | None, Option(
        help="Time that a node tries one of several addresses.",
        check=checks.optional(_seconds),
        unit="seconds",
        otherwise="Parsl's own",
        handed_to="executor",
    )]
    proxy: Annotated[checks.Proxy | None, Option(
        help='Proxy by which tasks reach the internet: "driver" sets the variables http_proxy and the like '
        'of your script, if it has some, "site" ALCF\'s proxy, "none" unsets them. Traffic within the '
        "system never takes it (no_proxy).",
        check=checks.choice(checks.Proxy),
        is_for_run=True,
    )]
    heartbeat_period: Annotated[int | None, Option(
        help="Time between heartbeats of node and driver.",
        check=_seconds,
        unit="seconds",
        handed_to="executor",
    )]
    heartbeat_threshold: Annotated[int | None, Option(
        help="Silence after which a node counts as lost although it answers; its tasks run again elsewhere.",
        check=_seconds,
        unit="seconds",
        handed_to="executor",
    )]
    encrypted: Annotated[bool | None, Option(
        help="Whether the traffic with the workers is encrypted (CurveZMQ).",
        check=checks.flag, handed_to="executor",
    )]


class LogOptions(TypedDict, total=False):
    """Logs and reports."""

    worker_debug: Annotated[bool | None, Option(
        help="Whether driver, interchange and workers log at debug level.",
        check=checks.flag,
        handed_to="executor",
    )]
    preset: Annotated[preset.Name | None, Option(
        help='What an option is by default for one kind of work: "throughput" is for many short tasks.',
        check=checks.optional(checks.choice(preset.Name)),
        otherwise="each option has its own default",
        is_for_run=True,
        not_for_endpoint="an endpoint writes its own log",
    )]
    initialize_logging: Annotated[bool | logs.Level | logs.LogConfig | None, Option(
        help="Whether Parsl writes parsl.log; or from which level on Parsl logs, here and on the nodes; or "
        "a log configuration of Parsl's.",
        check=logs.logging_of_parsl,
        is_for_run=True,
        handed_to="config",
        not_for_endpoint="an endpoint writes its own log",
    )]
    record: Annotated[bool | None, Option(
        help="Whether the run directory keeps when and where each task ran, for `polaris-parsl report`.",
        check=checks.flag, default=True, is_for_run=True,
        not_for_endpoint="an endpoint keeps no record",
    )]
    monitoring: Annotated[bool | None, Option(
        help="Whether Parsl's own monitoring keeps a database of the tasks in run_dir; it needs an install "
        "of the track `monitoring`, or sqlalchemy in an environment of yours.",
        check=checks.flag,
        default=False,
        is_for_run=True,
        not_for_endpoint="only parsl.load has one",
    )]
    usage_tracking: Annotated[int | None, Option(
        help="What Parsl reports to its developers, from 0 (nothing) to 3.",
        check=WholeNumber(0, 3),
        is_for_run=True,
        handed_to="config",
        not_for_endpoint="only parsl.load reports it",
    )]
    start_method: Annotated[checks.StartMethod | None, Option(
        help='How workers start: with "spawn", each imports Parsl itself; "forkserver" forks them from a process that '
        'has, with one thread and nothing of CUDA or MPI. It was not tried under the MPI of the system.',
        check=checks.start_method,
        default="spawn",
        is_for_run=True,
        not_for_endpoint="an endpoint starts its own workers",
    )]
