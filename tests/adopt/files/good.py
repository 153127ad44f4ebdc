"""A configuration without mistakes, whose values differ from polaris_parsl's defaults."""

from parsl.config import Config
from parsl.dataflow.memoization import BasicMemoizer
from parsl.executors import HighThroughputExecutor
from parsl.launchers import MpiExecLauncher
from parsl.providers import PBSProProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="gpus",
            heartbeat_period=20,
            heartbeat_threshold=200,
            drain_period=3000,
            available_accelerators=4,
            max_workers_per_node=4,
            cores_per_worker=8,
            cpu_affinity="list:24-31,56-63:16-23,48-55:8-15,40-47:0-7,32-39",
            address="10.0.0.1",
            provider=PBSProProvider(
                launcher=MpiExecLauncher(
                    bind_cmd="--cpu-bind", overrides="--depth=64 --ppn 1 --env TMPDIR=/tmp"
                ),
                account="datascience",
                queue="preemptable",
                select_options="ngpus=4",
                scheduler_options="#PBS -l filesystems=home:eagle\n#PBS -r y",
                worker_init="export OMP_PROC_BIND=close; cd /eagle/datascience/run",
                nodes_per_block=3,
                cpus_per_node=64,
                init_blocks=0,
                max_blocks=2,
                walltime="02:00:00",
                cmd_timeout=240,
            ),
        )
    ],
    memoizer=BasicMemoizer(checkpoint_mode="task_exit"),
    run_dir="/eagle/datascience/run",
    retries=5,
    max_idletime=300.0,
)
