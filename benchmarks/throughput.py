"""What a task that does nothing costs: by the recipe of ALCF's page, by our default, by our preset.

    polaris-parsl sandbox -- python benchmarks/throughput.py

The configurations take turns, each in a process of its own, on one node with four workers; the median is
shown. CPU is that of the processes themselves, read from /proc, for the tasks alone: of the driver, of the
interchange, and of the pool with its workers. It hardly depends on what else the machine does; the rate does.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

import parsl
from page_configuration import QUEUE, WALLTIME, page
from parsl.config import Config
from turns import arguments, in_turns, medians
from usage import cpu_seconds, size

import polaris_parsl
from polaris_parsl.options.preset import Name


@parsl.python_app
def nothing(number: int) -> int:
    """A task that is over at once."""
    return number


def default(run_dir: Path, preset: Name | None = None) -> Config:
    """The same request to polaris_parsl."""
    return polaris_parsl.config(
        account="sandbox", queue=QUEUE, walltime=WALLTIME, run_dir=run_dir, preset=preset
    )


def preset(run_dir: Path) -> Config:
    """The same, for many short tasks."""
    return default(run_dir, "throughput")


KINDS: dict[str, Callable[[Path], Config]] = {"page": page, "default": default, "preset": preset}


def measure(kind: str, tasks: int, folder: Path) -> dict[str, float]:
    """One run."""
    with parsl.load(KINDS[kind](folder)):
        for future in [nothing(number) for number in range(200)]:
            future.result()
        before, left = cpu_seconds(folder), size(folder)
        began = time.perf_counter()
        for future in [nothing(number) for number in range(tasks)]:
            future.result()
        seconds = time.perf_counter() - began
        after = cpu_seconds(folder)
        time.sleep(1.5)  # until the record of tasks is written
        grown = size(folder) - left
    used = [1000 * (end - start) / tasks for start, end in zip(before, after, strict=True)]
    return {
        "tasks per second": tasks / seconds,
        "CPU per task, ms": sum(used),
        **dict(
            zip(("of the driver", "of the interchange", "of pool and workers"), used, strict=True)
        ),
        "bytes of run_dir per task": grown / tasks,
    }


def main() -> None:
    """Print the table, or make one run."""
    parser = arguments(__doc__)
    parser.add_argument("--tasks", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    args = parser.parse_args()
    if args.run:
        kind, folder = args.run
        print(json.dumps(measure(kind, args.tasks, Path(folder))))
        return
    found = in_turns(__file__, args.kinds, args.rounds, "--tasks", args.tasks)
    print(medians(f"{args.tasks} tasks that do nothing", found))


if __name__ == "__main__":
    main()
