"""What the record of tasks costs: CPU of the driver for a task that does nothing, and bytes for each.

    polaris-parsl sandbox -- python benchmarks/run_record.py [PAIRS]

A driver that hands out tasks as fast as it can is busy all the time, so that its CPU time for a task says how many it
can hand out. Other programs of the machine change that by more than the record does, from one minute to the next: so
batches of one run, a few seconds long, take turns with and without the record, in the order A B B A, on the same
workers. The cost is the median of the differences within pairs, given with the quartiles of these.
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
from polaris_parsl.configuration.executor import PolarisExecutor
from polaris_parsl.configuration.record.record_file import RecordFile
from polaris_parsl.configuration.record.task_attempts import TASKS, Attempts

BATCH, WARM, PAIRS = 400, 400, 40


class Measured(NamedTuple):
    """A batch: CPU of the driver for each task in microseconds, and tasks a second."""

    cpu: float
    rate: float


@parsl.python_app
def nothing(number: int) -> int:
    """A task that is over at once."""
    return number


def cpu_seconds() -> float:
    """CPU time of this process and all its threads, of the user and of the kernel."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(attempts: Attempts, file: RecordFile | None) -> Measured:
    """A batch.

    Args:
        attempts: the record.
        file: that it is written to; None to do without it, as with record=False.
    """
    # there is no other way to switch it off and on
    attempts._file = file
    attempts._thread_has.attempt = None
    began, cpu = time.perf_counter(), cpu_seconds()
    for future in [nothing(number) for number in range(BATCH)]:
        future.result()
    # what this batch has left to write belongs to it
    attempts.flush()
    seconds, cpu = time.perf_counter() - began, cpu_seconds() - cpu
    return Measured(1e6 * cpu / BATCH, BATCH / seconds)


def main(pairs: int) -> None:
    """Print the table."""
    batches: dict[bool, list[Measured]] = {False: [], True: []}
    with TemporaryDirectory(dir=Path.cwd()) as folder:
        config = polaris_parsl.config(
            account="benchmark", queue="debug", walltime="1:00:00", available_accelerators=0,
            max_workers_per_node=2, run_dir=folder,
        )  # fmt: skip
        with parsl.load(config) as kernel:
            (executor,) = config.executors
            assert isinstance(executor, PolarisExecutor)
            attempts = executor.record.attempts
            file = attempts._file
            path = Path(kernel.run_dir) / "polaris_parsl" / TASKS
            for future in [nothing(number) for number in range(WARM)]:
                future.result()
            for pair in range(pairs):
                for record in (True, False) if pair % 2 else (False, True):
                    batches[record].append(measure(attempts, file if record else None))
            attempts._file = file  # for the end of the run
        size = path.stat().st_size / (WARM + pairs * BATCH)
    show(batches, size)


def show(batches: dict[bool, list[Measured]], size: float) -> None:
    """Print medians, and the median of the differences."""
    pairs = zip(batches[False], batches[True], strict=True)
    differences = [with_it.cpu - without.cpu for without, with_it in pairs]
    lower, median, upper = statistics.quantiles(differences, n=4, method="inclusive")
    medians = {
        record: Measured(*(statistics.median(column) for column in zip(*found, strict=True)))
        for record, found in batches.items()
    }
    print("| | record=False | record=True |")
    print("|---|---|---|")
    print(
        f"| CPU of the driver per task, µs | {medians[False].cpu:.0f} | {medians[True].cpu:.0f} |"
    )
    print(f"| tasks per second | {medians[False].rate:.0f} | {medians[True].rate:.0f} |")
    print(f"| bytes per task | 0 | {size:.0f} |")
    print(
        f"\nPairs of batches differ by {median:.0f} µs of CPU a task (quartiles {lower:.0f} and {upper:.0f}, "
        f"{len(differences)} pairs of {BATCH} tasks): {median / medians[False].cpu:.1%}."
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS)
