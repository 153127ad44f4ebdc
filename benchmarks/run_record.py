"""What the record of tasks costs: CPU of the driver for a task that does nothing, and bytes for each.

    polaris-parsl sandbox -- python benchmarks/run_record.py [PAIRS]

A driver that hands out tasks as fast as it can is busy all the time, so that its CPU time for a task is the inverse of
its rate. Other programs of the machine change the rate by far more than the record does, and the CPU time hardly. Runs
without and with the record are pairs, in the order A B B A; the cost is the median of the differences within pairs,
given with the quartiles of these.
"""

import resource
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import parsl

import polaris_parsl

TASKS, WARM = 3000, 300
PAIRS = 12


class Measured(NamedTuple):
    """A run: tasks a second, CPU of the driver for each in microseconds, bytes of the record for each."""

    rate: float
    cpu: float
    size: float


@parsl.python_app
def nothing(number: int) -> int:
    """A task that is over at once."""
    return number


def cpu_seconds() -> float:
    """CPU time of this process and all its threads, of the user and of the kernel."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(folder: str, *, record: bool) -> Measured:
    """One run with as many tasks as stand above, after some that warm it up."""
    config = polaris_parsl.config(
        account="benchmark",
        queue="debug",
        walltime="0:30:00",
        available_accelerators=0,
        max_workers_per_node=2,
        record=record,
        run_dir=folder,
    )
    with parsl.load(config) as kernel:
        for future in [nothing(number) for number in range(WARM)]:
            future.result()
        began, cpu = time.perf_counter(), cpu_seconds()
        for future in [nothing(number) for number in range(TASKS)]:
            future.result()
        seconds, cpu = time.perf_counter() - began, cpu_seconds() - cpu
        run_dir = Path(kernel.run_dir)
    file = run_dir / "polaris_parsl" / "tasks.jsonl"
    size = file.stat().st_size if file.exists() else 0
    return Measured(TASKS / seconds, 1e6 * cpu / TASKS, size / (TASKS + WARM))


def main(pairs: int) -> None:
    """Print the table."""
    runs: dict[bool, list[Measured]] = {False: [], True: []}
    with TemporaryDirectory(dir=Path.cwd()) as folder:
        for pair in range(pairs):
            for record in (True, False) if pair % 2 else (False, True):
                runs[record].append(measure(folder, record=record))
                print(pair, record, runs[record][-1], file=sys.stderr)
    differences = [
        with_it.cpu - without.cpu for without, with_it in zip(runs[False], runs[True], strict=True)
    ]
    lower, median, upper = statistics.quantiles(differences, n=4, method="inclusive")
    base = statistics.median(each.cpu for each in runs[False])
    print("| | record=False | record=True |")
    print("|---|---|---|")
    for title, name in (
        ("CPU of the driver per task, µs", "cpu"),
        ("tasks per second", "rate"),
        ("bytes per task", "size"),
    ):
        cells = (
            statistics.median(getattr(each, name) for each in runs[record])
            for record in (False, True)
        )
        print(f"| {title} | {' | '.join(f'{each:.0f}' for each in cells)} |")
    print(
        f"\nA pair differs by {median:.0f} µs of CPU a task (quartiles {lower:.0f} and {upper:.0f}; {pairs} pairs): "
        f"{median / base:.1%} of it."
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS)
