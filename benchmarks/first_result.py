"""Measures how soon work begins: with our configuration and with that of ALCF's page, in one run.

    polaris-parsl sandbox -- python benchmarks/first_result.py

The page's configuration is the one of 2026-08-19, with its checkpoint arguments moved to
where Parsl has them since 2025.12.8 (without that it does not run at all) and an address,
because a sandbox has no outside service to ask. Both run on one node, in turns. The seconds
are those of this machine; only the ratios apply elsewhere.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import parsl
from parsl import python_app
from parsl.addresses import address_by_interface
from parsl.config import Config
from parsl.dataflow.memoization import BasicMemoizer
from parsl.executors import HighThroughputExecutor
from parsl.launchers import MpiExecLauncher
from parsl.providers import PBSProProvider

import polaris_parsl

QUEUE, WALLTIME = "debug", "0:10:00"


@python_app(cache=True)
def number(value: int) -> int:
    """Do nothing, on a worker."""
    return value


def page(run_dir: Path) -> Config:
    """The page's configuration, translated to the installed Parsl."""
    return Config(
        executors=[
            HighThroughputExecutor(
                label="htex",
                heartbeat_period=15,
                heartbeat_threshold=120,
                worker_debug=True,
                available_accelerators=4,
                max_workers_per_node=4,
                cpu_affinity="list:24-31,56-63:16-23,48-55:8-15,40-47:0-7,32-39",
                prefetch_capacity=0,
                address=address_by_interface("bond0"),
                provider=PBSProProvider(
                    launcher=MpiExecLauncher(bind_cmd="--cpu-bind", overrides="--depth=64 --ppn 1"),
                    account="sandbox",
                    queue=QUEUE,
                    select_options="ngpus=4",
                    scheduler_options="#PBS -l filesystems=home:eagle",
                    worker_init=f"export PATH={Path(sys.executable).parent}:$PATH TMPDIR=/tmp; "
                    f"cd {run_dir}",
                    cpus_per_node=32,
                    walltime=WALLTIME,
                ),
            )
        ],
        memoizer=BasicMemoizer(checkpoint_mode="task_exit"),
        run_dir=str(run_dir),
        retries=2,
    )


def ours(run_dir: Path) -> Config:
    """The same request to polaris_parsl."""
    return polaris_parsl.config(account="sandbox", queue=QUEUE, walltime=WALLTIME, run_dir=run_dir)


def measure(make: Callable[[Path], Config]) -> dict[str, float]:
    """Seconds from before the configuration is built to each event of one run."""
    with tempfile.TemporaryDirectory() as directory:
        run_dir = Path(directory) / "runs"
        start, clock = time.time(), time.perf_counter()
        with parsl.load(make(run_dir)):
            loaded = time.perf_counter() - clock
            number(1).result()
            result = time.perf_counter() - clock
            (script,) = (run_dir / "000" / "submit_scripts").glob("parsl.htex.block-0.*[0-9]")
            submitted = script.stat().st_mtime - start
        parsl.clear()
    return {"load returned": loaded, "qsub called": submitted, "first result": result}


def main() -> None:
    """Run both in turns and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    taken: dict[Callable[[Path], Config], list[dict[str, float]]] = {page: [], ours: []}
    for _ in range(rounds):
        for make, runs in taken.items():
            runs.append(measure(make))
    print(f"seconds after the start, median of {rounds}")
    print(f"{'event':<14} {'page':>7} {'ours':>7} {'ours/page':>10}")
    for event in taken[page][0]:
        theirs, mine = (
            statistics.median(run[event] for run in taken[make]) for make in (page, ours)
        )
        print(f"{event:<14} {theirs:>7.2f} {mine:>7.2f} {mine / theirs:>10.2f}")


if __name__ == "__main__":
    main()
