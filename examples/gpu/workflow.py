"""An ensemble on the GPUs of a node: each task runs an external program, with files of its own.

Each member of the ensemble has a directory with its input, its output and what the program
printed. The program here is simulate.sh; yours is started in the same way.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import parsl
from parsl import bash_app
from parsl.data_provider.files import File

import polaris_parsl


@bash_app(cache=True)  # without cache=True Parsl keeps no checkpoint of the result
def simulate(
    program: Path,
    inputs: Sequence[File] = (),
    outputs: Sequence[File] = (),
    stdout: Any = None,
    stderr: Any = None,
) -> str:
    """The command of a task; the worker has set CUDA_VISIBLE_DEVICES to its own GPU."""
    return f"bash {program} {inputs[0]} {outputs[0]}"


def member(number: int) -> tuple[Path, Path, Path]:
    """Input, output and log of a member; the input is written anew."""
    folder = Path("ensemble", f"{number:03d}").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    start = folder / "input.txt"
    start.write_text(f"angle {0.1 * (number + 1):.1f}\nsteps 2000\n")
    return start, folder / "output.txt", folder / "log.txt"


def main() -> None:
    """Run the ensemble and print a line for each member."""
    program = Path("simulate.sh").absolute()
    with parsl.load(polaris_parsl.config()):
        members = [member(number) for number in range(12)]
        tasks = [
            simulate(
                program,
                inputs=[File(str(start))],
                outputs=[File(str(output))],
                stdout=(str(log), "w"),
                stderr=(str(log.with_suffix(".err")), "w"),
            )
            for start, output, log in members
        ]
        # a program that fails raises BashExitFailure here
        done = [task.result() for task in tasks]

    for _, output, log in members:
        print(f"{output.parent.name}: {output.read_text().strip()}; {log.read_text().strip()}")
    print(f"{len(done)} members, exit codes {sorted(set(done))}")


if __name__ == "__main__":
    main()
