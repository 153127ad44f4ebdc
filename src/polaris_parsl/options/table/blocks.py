"""What is asked of PBS: the job, its script, and the blocks of a run."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, TypedDict

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options import checks
from polaris_parsl.options.checks import WholeNumber
from polaris_parsl.options.option import Option
from polaris_parsl.options.paths import run_dir, start_dir
from polaris_parsl.pbs.walltime import WRITTEN

_FACTS = polaris()
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
        check=WholeNumber(1, _FACTS.node.threads, "node"),
        unit="hardware threads",
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
