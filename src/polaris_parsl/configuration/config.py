"""`polaris_parsl.config`: from account, queue, nodes and walltime to a parsl.Config."""

import logging
from typing import Any

from parsl.config import Config

from polaris_parsl.configuration.checkpoints import CheckpointMemoizer
from polaris_parsl.configuration.executor import PolarisExecutor, PolarisMPIExecutor, build_executor
from polaris_parsl.configuration.explain import explain_plan
from polaris_parsl.configuration.plan import PlannedExecutor, plan
from polaris_parsl.configuration.run_record import RunRecord
from polaris_parsl.configuration.settings import values
from polaris_parsl.driver import Driver
from polaris_parsl.installs import PACKAGES, own_packages

_LOGGER = logging.getLogger(__name__)


def config(**user_opts: Any) -> Config:
    """A parsl.Config that runs one task per GPU on Polaris, or what else the options ask for.

    It takes the `user_opts` of ALCF's page on Parsl as they are, and more by
    keyword. What is not given comes from the environment (POLARIS_PARSL_QUEUE and the
    like), the nearest polaris-parsl.toml upwards of the working directory, the defaults.toml
    of the install, and last from the facts; `polaris_parsl.explain` shows which. None counts as
    not given.

    The workers run in the environment of the calling process: its module where the
    polaris-parsl module is loaded, else its interpreter. Results of apps with cache=True
    are checkpointed when their task ends, and found again by the next run with the same run_dir.

    Args:
        **user_opts: where it runs

            mode (str): "blocks" asks PBS for them; "inside_job" uses the nodes of the running
                job; "sandbox" insists on the sandbox. Default: the one that fits the place.
            account (str): ALCF project to charge (PBS -A). Required, but inside a job.
            queue (str): PBS queue. Default: "debug".
            walltime (str or datetime.timedelta): length of one block, H:MM:SS or MM:SS.
                Default: "1:00:00".
            nodes_per_block (int): nodes in one block. Default: 1; inside a job all its nodes.
            init_blocks, min_blocks, max_blocks (int): blocks (PBS jobs) at the start, while
                idle, and at the most. Default: 1, 0, 1.
            scheduler_options (str): lines of "#PBS ..."; the filesystems must be among
                them. Default: "#PBS -l filesystems=home:eagle".
            cpus_per_node (int): hardware threads that PBS gives on each node (ncpus).
                Default: all.
            run_dir (str or Path): directory for logs, job scripts and checkpoints; must be
                on a filesystem that compute nodes mount. Tasks start in it.
                Default: "runinfo" in the working directory.
            worker_init (str): shell text that runs on the first node of a block, after the
                environment is set up.

            the shape of the work

            available_accelerators (int or list): how many GPUs of a node get workers, or
                their numbers; each worker has the CPUs of the NUMA domain of its GPU.
                0 is for CPU-only work. Default: all.
            workers_per_gpu (int): workers that share a GPU; above 1, NVIDIA's Multi-Process
                Service runs on every node. Default: 1.
            gpus_per_worker (int): GPUs that each worker has for itself. Default: 1.
            cores_per_worker (float): hardware threads that Parsl counts for a worker; with no
                GPUs, what each worker has for itself. Default: 1.
            max_workers_per_node (int): with no GPUs, workers on a node, which share its CPUs
                out. With GPUs it follows from the others.
            max_workers_per_block (int): MPI tasks over nodes, and so many of them at once in a
                block (Parsl's MPIExecutor). A task runs `$PARSL_MPI_PREFIX program`, and
                `$PARSL_MPI_PREFIX --cpu-bind none $POLARIS_PARSL_RANK program` to give each rank
                its GPU and CPUs.
            executors (dict): for several executors in one run, for each label the options in
                which it differs. Inside a job, nodes are shared out by their nodes_per_block.
            launcher (str): what starts the workers on the nodes, "mpiexec" (default) or
                "gnu_parallel".
            label (str): name of the executor. Default: "htex".

            how Parsl goes about it

            retries (int): times that a failed task runs again. Default: 2.
            heartbeat_period (int): seconds between heartbeats of node and driver.
            heartbeat_threshold (int): seconds of silence after which a node counts as
                lost; its tasks run again elsewhere, as retries allow.
            drain_period (int): seconds after which a node gets no new tasks, to end before
                the walltime does. Default: never.
            prefetch_capacity (int): tasks that wait on a node beyond those that run.
                Default: 0, so that no GPU idles while tasks wait elsewhere.
            encrypted (bool): encrypt the traffic with the workers. Default: True.
            worker_debug (bool): let workers log at debug level. Default: False.
            initialize_logging (bool): let Parsl write parsl.log. Default: True.
            strategy (str): how Parsl asks for blocks and gives them back: "simple" (default),
                "htex_auto_scale" or "none".
            max_idletime (float): seconds after which an idle block is given back. Default: 120.
            block_error_handler (bool): give up after several blocks that failed. Default: True.
            cmd_timeout (int): seconds that qsub, qstat and qdel may take. Default: 120.
            usage_tracking (int): what Parsl reports to its makers, 0 (nothing, default) to 3.
            address (str): IP address of this node that workers connect to. Default: the
                addresses of the interfaces that compute nodes reach.
            interface (str): network interface of this node that workers connect to.
            address_probe_timeout (int): seconds that a node tries one of several addresses.
            start_method (str): "spawn", the only one that Parsl still has.

    Returns:
        A parsl.Config for the installed Parsl, for one parsl.load.

    Raises:
        OptionError: an option is unknown, its value cannot work on the system, or PBS would
            refuse or lose such a job.

    Source: facts/polaris.toml, which names its sources; ALCF's page "Parsl on Polaris".
    """
    driver = Driver.current()
    planned = plan(user_opts, driver)
    first = planned.executors[0]
    _LOGGER.info("%s (%s)", first.options.mode, first.mode_reason)
    for executor in planned.executors:
        if executor.address_error:
            raise executor.address_error
    # for the run directory, beside the record
    files = explain_plan(planned).as_files()
    if packages := own_packages():
        files[PACKAGES] = "".join(f"{each}\n" for each in packages)
    record = RunRecord(files, job=driver.job if first.options.mode == "inside_job" else None)
    memoizer = CheckpointMemoizer(record)
    made = Config(
        executors=[_executor(executor, record) for executor in planned.executors],
        memoizer=memoizer,
        **values(planned.settings),
    )

    def describe() -> str | None:
        # executors that were put into another Config run without our memoizer, which stays here
        is_in_use = record.counts_tasks or made.memoizer is not memoizer
        return repr(made) if is_in_use else None

    record.describe = describe
    return made


def _executor(
    planned: PlannedExecutor, record: RunRecord
) -> PolarisExecutor | PolarisMPIExecutor:
    mode = f"{planned.options.mode} ({planned.mode_reason})"
    return build_executor(planned.settings, mode, record)
