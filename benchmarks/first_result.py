"""Measures how soon work begins: with our configuration and with that of ALCF's page, in one run.

    polaris-parsl sandbox -- python benchmarks/first_result.py

Both run on one node, in turns. The seconds are those of this machine; only the ratios apply elsewhere.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import parsl
from page_configuration import QUEUE, WALLTIME, page
from parsl import python_app
from parsl.config import Config

import polaris_parsl


@python_app(cache=True)
def number(value: int) -> int:
    """Do nothing, on a worker."""
    return value


def ours(run_dir: Path) -> Config:
    """The same request to polaris_parsl."""
    return polaris_parsl.config(account="sandbox", queue=QUEUE, walltime=WALLTIME, run_dir=run_dir)


def measure(make: Callable[[Path], Config]) -> dict[str, float]:
    """Seconds from before the configuration is built to each event of one run."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
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
