"""`polaris_parsl.config`: from account, queue, nodes and walltime to a parsl.Config."""

from typing import Any

from parsl.config import Config

from polaris_parsl.checkpoints import CheckpointMemoizer
from polaris_parsl.driver import Driver
from polaris_parsl.executor import build_executor
from polaris_parsl.options import Options
from polaris_parsl.policy import check_policy


def config(**user_opts: Any) -> Config:
    """A parsl.Config that runs one task per GPU on Polaris.

    It takes the `user_opts` of ALCF's page on Parsl as they are, and more by
    keyword. The workers run in the environment of the calling process: its
    module where the polaris-parsl module is loaded, else its interpreter.
    Results of apps with cache=True are checkpointed when their task ends, and
    found again by the next run with the same run_dir.

    Args:
        **user_opts: in alphabetical order

            account (str): ALCF project to charge (PBS -A). Required.
            address (str): IP address of this node that workers connect to. Default: the
                addresses of the interfaces that compute nodes reach; the environment
                variable POLARIS_PARSL_ADDRESS sets another.
            available_accelerators (int or list): how many GPUs of a node get a worker, or
                their numbers; each worker gets one GPU and the CPUs of its NUMA domain.
                Default: all.
            cores_per_worker (float): hardware threads that Parsl counts for a worker.
            cpus_per_node (int): hardware threads that PBS gives on each node (ncpus).
                Default: all.
            encrypted (bool): encrypt the traffic with the workers. Default: True.
            heartbeat_period (int): seconds between heartbeats of node and driver.
            heartbeat_threshold (int): seconds of silence after which a node counts as
                lost; its tasks run again elsewhere, as retries allow.
            init_blocks, min_blocks, max_blocks (int): blocks (PBS jobs) at the start, while
                idle, and at the most. Default: 1, 0, 1.
            interface (str): network interface of this node that workers connect to.
            label (str): name of the executor. Default: "htex".
            launcher (str): what starts the workers on the nodes, "mpiexec" (default) or
                "gnu_parallel".
            nodes_per_block (int): nodes in one block. Default: 1.
            prefetch_capacity (int): tasks that wait on a node beyond those that run.
                Default: 0, so that no GPU idles while tasks wait elsewhere.
            queue (str): PBS queue. Default: "debug".
            retries (int): times that a failed task runs again. Default: 2.
            run_dir (str or Path): directory for logs, job scripts and checkpoints; must be
                on a filesystem that compute nodes mount. Tasks start in it.
                Default: "runinfo" in the working directory.
            scheduler_options (str): lines of "#PBS ..."; the filesystems must be among
                them. Default: "#PBS -l filesystems=home:eagle".
            start_method (str): "spawn", the only one that Parsl still has.
            walltime (str): length of one block, H:MM:SS. Default: "1:00:00".
            worker_debug (bool): let workers log at debug level. Default: False.
            worker_init (str): shell text that runs on the first node of a block, after the
                environment is set up.

    Returns:
        A parsl.Config for the installed Parsl, for one parsl.load.

    Raises:
        OptionError: an option is unknown, its value cannot work on the system, or PBS would
            refuse or lose such a job.

    Source: data/polaris.toml, which names its sources; ALCF's page "Parsl on Polaris".
    """
    options = Options.parse(user_opts)
    check_policy(options)
    return Config(
        executors=[build_executor(options, Driver.current())],
        memoizer=CheckpointMemoizer(),
        retries=options.retries,
        run_dir=str(options.run_dir),
    )
