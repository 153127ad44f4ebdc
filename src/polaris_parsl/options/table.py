"""The table of options: every option of `polaris_parsl.config`, once.

A row has the name, the type that a caller gives, and an `Option` with the check, the unit, the
default and one sentence of help. From it come the signature and the docstring of `config`, what is
read from files, the environment and the command line, what Parsl's objects are handed, what
`endpoint` leaves to users, what `adopt` translates, and docs/options.md.

The themes are TypedDicts, so that editors complete the options of a call and type checkers check
them. An option that is only handed on to Parsl needs a row here and nothing else; one that the
package computes with is a field of `ExecutorOptions`, too.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options import checks
from polaris_parsl.options.checks import WholeNumber
from polaris_parsl.options.option import Option, rows_of
from polaris_parsl.options.paths import run_dir, start_dir
from polaris_parsl.pbs.walltime import WRITTEN

_FACTS = polaris()
_THREADS, _GPUS = _FACTS.node.threads, len(_FACTS.node.accelerators)
# More than anybody means; Parsl's own arithmetic has trouble with numbers far beyond.
_MANY_TASKS = 1_000_000
_LEAST_SHARE_OF_A_THREAD = 0.01
_LEAST_SHARE_OF_TASKS = 0.000001
_LEAST_SECONDS = 0.001
_seconds = WholeNumber(1, checks.SECONDS_MAX)
# Each block has a node at least.
_some_blocks = WholeNumber(0, _FACTS.node_count, "system")


# Rows are laid out as a table.
# fmt: off
class JobOptions(TypedDict, total=False):
    """The job."""

    account: Annotated[str | None, Option(
        help="ALCF project to charge (PBS -A).",
        check=checks.account,
        otherwise="required, except inside a job",
        handed_to="pbs provider",
        for_endpoint_users=True,
        pattern=checks.NAME.pattern,
    )]
    queue: Annotated[str | None, Option(
        help="PBS queue.",
        check=checks.word,
        handed_to="pbs provider",
        for_endpoint_users=True,
        pattern=checks.NAME.pattern,
    )]
    unlisted_queue: Annotated[bool | None, Option(
        help="Whether the queue is taken although it is not known here, as those of a workshop; PBS "
        "alone then knows its limits.",
        check=checks.flag,
        default=False,
    )]
    walltime: Annotated[str | timedelta | None, Option(
        help="Length of one block: H:MM:SS, MM:SS (minutes and seconds, as in PBS), or a timedelta.",
        check=checks.walltime,
        handed_to="pbs provider",
        for_endpoint_users=True,
        pattern=WRITTEN.pattern,
    )]
    mode: Annotated[checks.Mode | None, Option(
        help='Where the workers run: "blocks" asks PBS for jobs, "inside_job" uses the nodes of the '
        'running job, "sandbox" insists on the sandbox.',
        check=checks.choice(checks.Mode),
        default="blocks",
        otherwise="the mode that fits the place",
        is_for_run=True,
    )]
    nodes_per_block: Annotated[int | None, Option(
        help="Nodes in one block; inside a job, the nodes that this executor uses, by default all.",
        check=WholeNumber(1, _FACTS.node_count, "system"),
        unit="nodes",
        for_endpoint_users=True,
    )]
    cpus_per_node: Annotated[int | None, Option(
        help="Hardware threads that PBS gives on each node (ncpus).",
        check=WholeNumber(1, _THREADS, "node"),
        unit="hardware threads",
    )]


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


class ScriptOptions(TypedDict, total=False):
    """The job script and the files."""

    scheduler_options: Annotated[str | None, Option(
        help='Lines of "#PBS ..."; the filesystems must be among them.',
        check=checks.scheduler_options,
        default=f"#PBS -l filesystems={_FACTS.default_filesystems}",
    )]
    worker_init: Annotated[str | None, Option(
        help="Shell text that runs on the first node of a block, after the environment is set up.",
        check=checks.worker_init,
        for_endpoint_users=True,
    )]
    run_dir: Annotated[str | Path | None, Option(
        help="Directory for logs, job scripts and checkpoints, on a filesystem that compute nodes "
        "mount. Tasks start in it, unless start_dir is given: relative paths in tasks begin there.",
        check=run_dir,
        is_for_run=True,
        handed_to="config",
    )]
    start_dir: Annotated[str | Path | None, Option(
        help='Directory in which tasks start, on a filesystem that compute nodes mount; "." is the '
        "working directory of your script.",
        check=checks.optional(start_dir),
        otherwise="run_dir",
    )]
    launcher: Annotated[checks.Launcher | None, Option(
        help="What starts the workers on the nodes of a block.",
        check=checks.choice(checks.Launcher),
    )]
    label: Annotated[str | None, Option(
        help="Name of the executor.",
        check=checks.word,
        handed_to="executor",
    )]


class BlockOptions(TypedDict, total=False):
    """The blocks."""

    init_blocks: Annotated[int | None, Option(
        help="Blocks (PBS jobs) that are asked for at the start.",
        check=_some_blocks,
        unit="blocks",
        handed_to="provider",
    )]
    min_blocks: Annotated[int | None, Option(
        help="Blocks that are kept while there is nothing to do.",
        check=_some_blocks,
        unit="blocks",
        handed_to="provider",
    )]
    max_blocks: Annotated[int | None, Option(
        help="Blocks at the most.",
        check=WholeNumber(1, _FACTS.node_count, "system"),
        unit="blocks",
        handed_to="provider",
    )]
    parallelism: Annotated[float | None, Option(
        help="Share of the tasks that wait for which blocks are asked for: 1 for all, 0.5 for half.",
        check=checks.number(_LEAST_SHARE_OF_TASKS, 1),
        default=1,
        handed_to="provider",
    )]
    exit_mode: Annotated[checks.ExitMode | None, Option(
        help='What the end of `with parsl.load(...)` does with tasks that have not ended: "cleanup" '
        'gives them up, "wait" waits for them.',
        check=checks.choice(checks.ExitMode),
        default="cleanup",
        is_for_run=True,
        handed_to="config",
        not_for_endpoint="an endpoint has no such end",
    )]
    strategy: Annotated[checks.Strategy | None, Option(
        help="How Parsl asks for blocks and gives them back.",
        check=checks.choice(checks.Strategy),
        is_for_run=True,
        handed_to="config",
    )]
    max_idletime: Annotated[float | None, Option(
        help="Time after which an idle block is given back.",
        check=checks.number(_LEAST_SECONDS, checks.SECONDS_MAX),
        unit="seconds",
        is_for_run=True,
        handed_to="config",
    )]
    block_error_handler: Annotated[bool | None, Option(
        help="Whether the run ends when the workers of a block never come, with what they said.",
        check=checks.flag,
        handed_to="executor",
    )]
    pbs_patience: Annotated[str | timedelta | None, Option(
        help="How long a job is asked for again while PBS does not answer, before the run ends: "
        "H:MM:SS, or a timedelta.",
        check=checks.walltime,
        default="0:30:00",
        is_for_run=True,
        not_for_endpoint="an endpoint asks PBS by Parsl's own provider",
    )]
    cmd_timeout: Annotated[int | None, Option(
        help="Time that qsub, qstat and qdel may take.",
        check=_seconds,
        unit="seconds",
        handed_to="provider",
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
        help="Whether workers log at debug level.",
        check=checks.flag,
        handed_to="executor",
    )]
    initialize_logging: Annotated[bool | None, Option(
        help="Whether Parsl writes parsl.log.",
        check=checks.flag,
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
        help="Whether Parsl's own monitoring keeps a database of the tasks in run_dir; it needs sqlalchemy "
        "in an environment of yours.",
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
    start_method: Annotated[Literal["spawn"] | None, Option(
        help="How workers start; Parsl has only this method, so leave it out.",
        check=checks.start_method,
        is_for_run=True,
    )]


# fmt: on
class UserOpts(
    JobOptions,
    WorkerOptions,
    ScriptOptions,
    BlockOptions,
    TaskOptions,
    ConnectionOptions,
    LogOptions,
    total=False,
):
    """All options of `polaris_parsl.config`."""


OPTIONS = rows_of(
    JobOptions,
    WorkerOptions,
    ScriptOptions,
    BlockOptions,
    TaskOptions,
    ConnectionOptions,
    LogOptions,
)
