"""What grows with the number of tasks: memory of the driver, rate, files of the run; ours beside the page's recipe.

    polaris-parsl sandbox -- python benchmarks/many_tasks.py

Each row is a run of its own on one node, by one executor with two workers, of tasks that do nothing; all are called at
once. Memory is what the driver grows by: at its most, and when the script has let go of the futures.
"""

import gc
import json
import time
from collections.abc import Callable
from pathlib import Path

import parsl
from page_configuration import QUEUE, page
from parsl.config import Config
from turns import arguments, one_run
from usage import peak, resident, size

WORKERS, WARM_UP, WALLTIME = 2, 200, "1:00:00"


@parsl.python_app(cache=True)
def nothing(number: int) -> int:
    """A task that is over at once."""
    return number


def by_page(run_dir: Path) -> Config:
    """The page's configuration, with two workers."""
    return page(run_dir, workers=WORKERS, walltime=WALLTIME)


def ours(run_dir: Path) -> Config:
    """The same request to polaris_parsl."""
    import polaris_parsl

    return polaris_parsl.config(
        account="sandbox",
        queue=QUEUE,
        walltime=WALLTIME,
        available_accelerators=WORKERS,
        run_dir=run_dir,
    )


KINDS: dict[str, Callable[[Path], Config]] = {"page": by_page, "ours": ours}
ROWS = (
    "MiB at most",
    "MiB without futures",
    "tasks per second",
    "CPU of the driver per task, ms",
    "bytes per task",
)


def measure(kind: str, tasks: int, folder: Path) -> dict[str, float]:
    """One run."""
    with parsl.load(KINDS[kind](folder)):
        for future in [nothing(-number - 1) for number in range(WARM_UP)]:
            future.result()
        left, before, peak_before = size(folder), resident(), peak()
        began, cpu = time.perf_counter(), time.process_time()
        futures = [nothing(number) for number in range(tasks)]
        for future in futures:
            future.result()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        most = peak()
        del futures, future
        time.sleep(2)  # until the record of tasks is written
        gc.collect()
        values = (
            max(0.0, most - max(peak_before, before)),
            resident() - before,
            tasks / seconds,
            1000 * cpu / tasks,
            (size(folder) - left) / tasks,
        )
    return dict(zip(ROWS, values, strict=True))


def main() -> None:
    """Print the table, or make one run."""
    parser = arguments(__doc__)
    parser.add_argument("--tasks", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    args = parser.parse_args()
    if args.run:
        kind, folder = args.run
        print(json.dumps(measure(kind, args.tasks[0], Path(folder))))
        return
    print(f"| tasks, by | {' | '.join(ROWS)} |\n|{'---|' * (len(ROWS) + 1)}")
    for tasks in args.tasks:
        for kind in args.kinds:
            found = one_run(__file__, kind, "--tasks", tasks)
            cells = (f"{found[name]:.2f}" for name in ROWS)
            print(f"| {tasks:,}, {kind} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
