"""MPI tasks: several MPI programs at once, each on as many nodes and ranks as it says.

Each rank has a GPU of its own and the CPUs beside it. The program here is part.py, whose ranks
share out an integral; yours is started in the same way.
"""

import shlex
import sys
from pathlib import Path
from typing import Any

import parsl
from parsl import bash_app

import polaris_parsl


@bash_app(cache=True)  # without cache=True Parsl keeps no checkpoint of the result
def integrate(
    program: str,
    steps: int,
    stdout: Any = None,
    stderr: Any = None,
    parsl_resource_specification: Any = None,
) -> str:
    """The command of an MPI task, from variables that the worker sets."""
    return f"$PARSL_MPI_PREFIX --cpu-bind none $POLARIS_PARSL_RANK {program} {steps}"


def main() -> None:
    """Run an MPI task for each number of steps, and add up what their ranks printed."""
    program = shlex.join([sys.executable, str(Path("part.py").absolute())])
    outputs = Path("outputs").absolute()
    outputs.mkdir(exist_ok=True)
    wanted = {1_000: (1, 4), 10_000: (1, 4), 100_000: (2, 8)}
    with parsl.load(polaris_parsl.config()):
        tasks = {
            steps: integrate(
                program,
                steps,
                stdout=(str(outputs / f"{steps}.txt"), "w"),
                stderr=(str(outputs / f"{steps}.log"), "w"),
                parsl_resource_specification={"num_nodes": nodes, "num_ranks": ranks},
            )
            for steps, (nodes, ranks) in wanted.items()
        }
        for task in tasks.values():
            task.result()

    for steps in wanted:
        rows = [row.split() for row in (outputs / f"{steps}.txt").read_text().splitlines()]
        total = sum(float(part) for part, *_ in rows)
        nodes = ", ".join(sorted({node for _, node, _ in rows}))
        print(f"{steps} steps: pi is {total:.8f}, by {len(rows)} ranks on {nodes}")


if __name__ == "__main__":
    main()
