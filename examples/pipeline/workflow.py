"""A pipeline of three stages, each of its own shape: CPU tasks, a task per GPU, an MPI task.

Futures are passed on as arguments. So each simulation starts as soon as its own input is there, and
the last stage when all simulations have ended.
"""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import parsl
from parsl import bash_app, python_app

import polaris_parsl


@python_app(executors=["cpu"], cache=True)
def prepare(number: int) -> list[float]:
    """Make the input of a simulation: on a CPU."""
    import random

    numbers = random.Random(number)
    return [numbers.uniform(-1, 1) for _ in range(1000)]


@python_app(executors=["gpu"], cache=True)
def simulate(values: list[float]) -> tuple[float, str]:
    """Simulate one input: on a GPU."""
    import os
    import socket

    energy = sum(value * value for value in values) / len(values)
    return energy, f"{socket.gethostname()} GPU {os.environ['CUDA_VISIBLE_DEVICES']}"


@bash_app(executors=["mpi"], cache=True)
def combine(
    program: str,
    inputs: Sequence[tuple[float, str]] = (),
    stdout: Any = None,
    parsl_resource_specification: Any = None,
) -> str:
    """Combine all results: as an MPI task over two nodes."""
    words = " ".join(f"{energy:.6f}" for energy, _ in inputs)
    return f"$PARSL_MPI_PREFIX {program} {words}"


def main() -> None:
    """Run the pipeline and print what each stage found."""
    program = shlex.join([sys.executable, str(Path("mean.py").absolute())])
    report = Path("report.txt").absolute()
    with parsl.load(polaris_parsl.config()):
        simulated = [simulate(prepare(number)) for number in range(16)]
        combine(
            program,
            inputs=simulated,  # in this list Parsl waits for each future
            stdout=(str(report), "w"),
            parsl_resource_specification={"num_nodes": 2, "num_ranks": 2},
        ).result()
        places = {place for _, place in (task.result() for task in simulated)}

    print(f"{len(simulated)} simulations on {len(places)} GPUs")
    print(report.read_text().strip())


if __name__ == "__main__":
    main()
