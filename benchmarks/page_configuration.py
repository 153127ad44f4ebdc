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

QUEUE, WALLTIME = "debug", "0:10:00"


def page(run_dir: Path) -> Config:
    """The page's configuration, translated to the installed Parsl."""
    return Config(
        executors=[
            HighThroughputExecutor(
                label="htex",
                heartbeat_period=15,
                heartbeat_threshold=120,
                worker_debug=True,
                available_accelerators=4,
                max_workers_per_node=4,
                cpu_affinity="list:24-31,56-63:16-23,48-55:8-15,40-47:0-7,32-39",
                prefetch_capacity=0,
                address=address_by_interface("bond0"),
                provider=PBSProProvider(
                    launcher=MpiExecLauncher(bind_cmd="--cpu-bind", overrides="--depth=64 --ppn 1"),
                    account="sandbox",
                    queue=QUEUE,
                    select_options="ngpus=4",
                    scheduler_options="#PBS -l filesystems=home:eagle",
                    worker_init=f"export PATH={Path(sys.executable).parent}:$PATH TMPDIR=/tmp; "
                    f"cd {run_dir}",
                    cpus_per_node=32,
                    walltime=WALLTIME,
                ),
            )
        ],
        memoizer=BasicMemoizer(checkpoint_mode="task_exit"),
        run_dir=str(run_dir),
        retries=2,
    )
