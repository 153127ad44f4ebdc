"""What grows with the number of tasks: memory of the driver, rate, files of the run; ours beside the page's recipe.

    polaris-parsl sandbox -- python benchmarks/many_tasks.py

Each row is a run of its own on one node, by one executor with two workers, of tasks that do nothing; all are called at
once. Memory is what the driver grows by: at its most, and when the script has let go of the futures.
"""

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import parsl
from page_configuration import QUEUE, page
from parsl.config import Config

WORKERS, WARM_UP = 2, 200


@parsl.python_app(cache=True)
def nothing(number: int) -> int:
    """A task that is over at once."""
    return number


def by_page(run_dir: Path) -> Config:
    """The page's configuration, with two workers."""
    made = page(run_dir)
    executor: Any
    (executor,) = made.executors
    executor.max_workers_per_node = WORKERS
    executor.available_accelerators = executor.available_accelerators[:WORKERS]
    name, *sets = executor.cpu_affinity.split(":")
    executor.cpu_affinity = ":".join([name, *sets[:WORKERS]])
    executor.provider.walltime = "1:00:00"
    return made


def ours(run_dir: Path) -> Config:
    """The same request to polaris_parsl."""
    import polaris_parsl

    return polaris_parsl.config(
        account="sandbox",
        queue=QUEUE,
        walltime="1:00:00",
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
        size, before, peak_before = _size(folder), _resident(), _peak()
        began, cpu = time.perf_counter(), time.process_time()
        futures = [nothing(number) for number in range(tasks)]
        for future in futures:
            future.result()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        peak = _peak()
        del futures, future
        time.sleep(2)  # until the record of tasks is written
        gc.collect()
        values = (
            max(0.0, peak - max(peak_before, before)),
            _resident() - before,
            tasks / seconds,
            1000 * cpu / tasks,
            (_size(folder) - size) / tasks,
        )
    return dict(zip(ROWS, values, strict=True))


def _size(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    """Print the table, or make one run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tasks", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--run", nargs=2, metavar=("KIND", "FOLDER"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        kind, folder = args.run
        print(json.dumps(measure(kind, args.tasks[0], Path(folder))))
        return
    # the page's way to find Parsl's programs
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    print(f"| tasks, by | {' | '.join(ROWS)} |\n|{'---|' * (len(ROWS) + 1)}")
    for tasks in args.tasks:
        for kind in args.kinds:
            with TemporaryDirectory(dir=Path.cwd()) as folder:
                words = ["--tasks", str(tasks), "--run", kind, folder]
                said = subprocess.check_output([sys.executable, __file__, *words], env=env)
            found = json.loads(said.splitlines()[-1])
            cells = (f"{found[name]:.2f}" for name in ROWS)
            print(f"| {tasks:,}, {kind} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
