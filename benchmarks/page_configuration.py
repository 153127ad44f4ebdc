"""The configuration of ALCF's page, as it runs with the installed Parsl; Parsl alone.

It is that of 2026-08-19, with its checkpoint arguments moved to where Parsl has them since 2025.12.8
(without that it does not run at all) and an address, because a sandbox has no outside service to ask.
"""

import sys
from pathlib import Path

from parsl.addresses import address_by_interface
from parsl.config import Config
from parsl.dataflow.memoization import BasicMemoizer
from parsl.executors import HighThroughputExecutor
from parsl.launchers import MpiExecLauncher
from parsl.providers import PBSProProvider

QUEUE, WALLTIME, WORKERS = "debug", "0:10:00", 4
_CPUS = ("24-31,56-63", "16-23,48-55", "8-15,40-47", "0-7,32-39")


def page(
    run_dir: Path,
    *,
    queue: str = QUEUE,
    nodes: int = 1,
    workers: int = WORKERS,
    walltime: str = WALLTIME,
) -> Config:
    """The page's configuration, translated to the installed Parsl.

    Args:
        run_dir: of Parsl.
        queue: of the block.
        nodes: of the block.
        workers: of each node, four at most; the page has four.
        walltime: of the block.
    """
    return Config(
        executors=[
            HighThroughputExecutor(
                label="htex",
                heartbeat_period=15,
                heartbeat_threshold=120,
                worker_debug=True,
                available_accelerators=workers,
                max_workers_per_node=workers,
                # as many sets of CPUs as workers, or Parsl's worker ends
                cpu_affinity=":".join(["list", *_CPUS[:workers]]),
                prefetch_capacity=0,
                address=address_by_interface("bond0"),
                provider=PBSProProvider(
                    launcher=MpiExecLauncher(bind_cmd="--cpu-bind", overrides="--depth=64 --ppn 1"),
                    account="sandbox",
                    queue=queue,
                    nodes_per_block=nodes,
                    select_options="ngpus=4",
                    scheduler_options="#PBS -l filesystems=home:eagle",
                    worker_init=f"export PATH={Path(sys.executable).parent}:$PATH TMPDIR=/tmp; "
                    f"cd {run_dir}",
                    cpus_per_node=32,
                    walltime=walltime,
                ),
            )
        ],
        memoizer=BasicMemoizer(checkpoint_mode="task_exit"),
        run_dir=str(run_dir),
        retries=2,
    )


def queue(nodes: int) -> str:
    """A queue that takes blocks of so many nodes."""
    # the environment of the page lacks it
    from polaris_parsl.facts.polaris import polaris

    return next(
        each.name
        for each in polaris().queues.values()
        if each.nodes_min <= nodes <= each.nodes_max
        and each.name in (QUEUE, "debug-scaling", "prod")
    )
