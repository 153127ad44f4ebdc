"""A script with an app and a function that makes two executors, which share a job's nodes."""

import os

import no_such_package  # type: ignore[import-not-found]  # noqa: F401 - not installed
import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors import HighThroughputExecutor, MPIExecutor
from parsl.launchers import MpiExecLauncher, SimpleLauncher
from parsl.providers import LocalProvider


@python_app
def simulate(x: int) -> int:
    return x


def run(run_dir: str, mpi_nodes: int = 2) -> None:
    with open(os.environ["PBS_NODEFILE"]) as nodefile:
        nodes = len(set(nodefile.read().split()))
    os.makedirs(run_dir)
    with open("adopt-left-this", "w") as left:
        left.write("by a file that should only be read")
    gpus = HighThroughputExecutor(
        label="gpus",
        available_accelerators=8,
        provider=LocalProvider(
            nodes_per_block=nodes - mpi_nodes,
            launcher=MpiExecLauncher("--cpu-bind", overrides="--ppn 1"),
            worker_init="export TMPDIR=/tmp",
        ),
    )
    mpi = MPIExecutor(
        label="mpi",
        max_workers_per_block=1,
        provider=LocalProvider(nodes_per_block=mpi_nodes, launcher=SimpleLauncher()),
    )
    with parsl.load(Config(executors=[gpus, mpi], run_dir=run_dir)):
        os.system("touch adopt-ran-this")
        print(simulate(1).result())
