"""What the record of tasks costs: the rate of tasks that do nothing, and bytes for each.

    polaris-parsl sandbox -- python benchmarks/run_record.py

Runs with and without the record take turns; the median of each is shown. The driver's CPU time tells
more than the rate, which other programs of the machine change.
"""

import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import parsl

import polaris_parsl

TASKS = 5000
TURNS = 4


@parsl.python_app
def nothing(number: int) -> int:
    """A task that is over at once."""
    return number


def measure(folder: str, *, record: bool) -> tuple[float, float, float]:
    """Tasks per second, CPU milliseconds of the driver per task, and bytes per task."""
    config = polaris_parsl.config(
        account="benchmark",
        queue="debug",
        walltime="0:10:00",
        available_accelerators=0,
        max_workers_per_node=2,
        record=record,
        run_dir=folder,
    )
    with parsl.load(config) as kernel:
        for future in [nothing(number) for number in range(200)]:
            future.result()
        began, cpu = time.perf_counter(), time.process_time()
        for future in [nothing(number) for number in range(TASKS)]:
            future.result()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        run_dir = Path(kernel.run_dir)
    file = run_dir / "polaris_parsl" / "tasks.jsonl"
    size = file.stat().st_size if file.exists() else 0
    return TASKS / seconds, 1000 * cpu / TASKS, size / (TASKS + 200)


def main() -> None:
    """Print the table."""
    runs: dict[bool, list[tuple[float, float, float]]] = {True: [], False: []}
    with TemporaryDirectory(dir=Path.cwd()) as folder:
        for turn in range(TURNS):
            for record in (True, False) if turn % 2 else (False, True):
                runs[record].append(measure(folder, record=record))
                print(turn, record, *(f"{each:.3f}" for each in runs[record][-1]), file=sys.stderr)
    print("| | record=False | record=True |")
    print("|---|---|---|")
    names = ("tasks per second", "CPU of the driver per task, ms", "bytes per task")
    for index, name in enumerate(names):
        without, with_it = (
            statistics.median(each[index] for each in runs[record]) for record in (False, True)
        )
        print(f"| {name} | {without:.2f} | {with_it:.2f} |")


if __name__ == "__main__":
    main()
