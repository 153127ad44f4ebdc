"""What the record of tasks costs for tasks that do nothing: CPU of all processes, tasks a second, bytes a task.

    polaris-parsl sandbox -- python benchmarks/run_record.py [PAIRS]

Other programs of the machine change both by more than the record does, from one minute to the next: so batches of one
run, a few seconds long, take turns with and without the record, in the order A B B A, on the same workers. What the
record costs is the median of the ratios within pairs, with an interval that holds it in 95 of 100 such measurements
(by the order of the ratios, without a supposition of how they are distributed).
"""

import math
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import parsl
from usage import cpu_seconds

import polaris_parsl
from polaris_parsl.configuration.executor import PolarisExecutor
from polaris_parsl.configuration.record.record_file import RecordFile
from polaris_parsl.configuration.record.task_attempts import TASKS, Attempts

BATCH, WARM, PAIRS = 400, 1000, 200


@parsl.python_app
def nothing(number: int) -> int:
    """A task that is over at once."""
    return number


class Measured(NamedTuple):
    """A batch: CPU for each task in microseconds, and tasks a second.

    Attributes:
        driver: this process.
        interchange: that connects it with the workers.
        workers: with their pool.
        whole: all three.
        rate: tasks a second.
    """

    driver: float
    interchange: float
    workers: float
    whole: float
    rate: float


ROWS = dict(
    zip(
        Measured._fields,
        (
            "CPU of the driver per task, µs",
            "of the interchange",
            "of pool and workers",
            "CPU per task, µs",
            "tasks per second",
        ),
        strict=True,
    )
)


def measure(attempts: Attempts, file: RecordFile | None, folder: Path) -> Measured:
    """A batch.

    Args:
        attempts: the record.
        file: that it is written to; None to do without it, as with record=False.
        folder: run directory, by which processes are found.
    """
    # there is no other way to switch it off and on
    attempts._file = file
    attempts._thread_has.attempt = None
    before, began = cpu_seconds(folder), time.perf_counter()
    for future in [nothing(number) for number in range(BATCH)]:
        future.result()
    # what this batch has left to write belongs to it
    attempts.flush()
    seconds, own = time.perf_counter() - began, time.process_time()
    # to look for the others takes time of this process, too
    after = own, *cpu_seconds(folder)[1:]
    driver, interchange, workers = (
        1e6 * (end - start) / BATCH for start, end in zip(before, after, strict=True)
    )
    whole = driver + interchange + workers
    return Measured(driver, interchange, workers, whole, BATCH / seconds)


def main(pairs: int) -> None:
    """Print the table."""
    batches: dict[bool, list[Measured]] = {False: [], True: []}
    with TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
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
                    file_or_none = file if record else None
                    batches[record].append(measure(attempts, file_or_none, folder))
            attempts._file = file  # for the end of the run
        size = path.stat().st_size / (WARM + pairs * BATCH)
    show(batches, size)


def show(batches: dict[bool, list[Measured]], size: float) -> None:
    """Print medians, and the median of the ratios."""
    print("| | record=False | record=True | True/False | from | to |")
    print("|---|---|---|---|---|---|")
    for field, row in ROWS.items():
        without, with_it = ([getattr(each, field) for each in batches[r]] for r in (False, True))
        ratios = sorted(b / a for a, b in zip(without, with_it, strict=True))
        medians = [statistics.median(without), statistics.median(with_it)]
        least, most = interval(ratios)
        cells = [f"{each:.0f}" for each in medians]
        cells += [f"{each:.3f}" for each in (statistics.median(ratios), least, most)]
        print(f"| {row} | {' | '.join(cells)} |")
    print(f"| bytes per task | 0 | {size:.0f} | | | |")
    print(f"\n{len(batches[True])} pairs of {BATCH} tasks")


def interval(ordered: list[float]) -> tuple[float, float]:
    """Between which of these the median of all that could have been measured lies, in 95 of 100 cases."""
    count = len(ordered)
    chance, outside = 0.0, 0
    while 2 * (chance := chance + math.comb(count, outside) / 2**count) < 0.05:
        outside += 1
    outside = max(outside - 1, 0)
    return ordered[outside], ordered[count - 1 - outside]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS)
