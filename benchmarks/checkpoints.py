"""What 200 earlier runs of 1,000 results cost at the start of a run, ours beside Parsl's own.

Run it with the Python of an environment that has polaris_parsl:

    python benchmarks/checkpoints.py

Each is a process of its own, which does what the kernel calls before the executors start, and then
asks for 1,000 results of one run. Parsl reads the same files: they have its format.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from parsl.dataflow.memoization import BasicMemoizer
from turns import answer
from usage import peak, resident

from polaris_parsl.configuration.checkpoints.earlier import EarlierRuns
from polaris_parsl.configuration.checkpoints.entries import Key
from polaris_parsl.configuration.checkpoints.results_file import ResultsFile

RUNS = 200
RESULTS = 1000
_CODE = b"12345678"


def key(run: int, number: int) -> Key:
    """The key of a result."""
    return Key(hashlib.blake2b(f"{run} {number}".encode(), digest_size=16).digest(), _CODE)


def write_runs(folder: Path) -> None:
    """Write what the earlier runs have left."""
    for run in range(RUNS):
        place = folder / f"{run:03}"
        place.mkdir()
        file = ResultsFile(place)
        for number in range(RESULTS):
            file.add(key(run, number), {"energy": number * 1.5, "run": run, "text": "x" * 100})
        file.close()


def ours(run: Path) -> Callable[[Key], object]:
    """Begin a run as polaris_parsl does."""
    earlier = EarlierRuns(run, takes_unknown_code=False)
    return earlier.find


def parsls(run: Path) -> Callable[[Key], object]:
    """Begin a run as Parsl's own memoizer does."""
    memoizer = BasicMemoizer(checkpoint_mode="task_exit")
    memoizer.start(run_dir=str(run), config_run_dir=str(run.parent))
    return lambda key: memoizer.memo_lookup_table[str(key)].result()


def measure(begin: Callable[[Path], Callable[[Key], object]], folder: Path) -> dict[str, float]:
    """CPU seconds and MiB of memory of a start, at its peak and after it, and CPU of look-ups."""
    run = folder / f"{RUNS}"
    run.mkdir(exist_ok=True)
    peak_before, before, start = peak(), resident(), time.process_time()
    find = begin(run)
    started = time.process_time()
    most, after = peak(), resident()
    for number in range(RESULTS):
        assert find(key(7, number)) is not None
    asked = time.process_time()
    return {
        "CPU of the start, s": started - start,
        "memory after it, MiB": after - before,
        "peak of memory, MiB": most - peak_before,
        "CPU of 1,000 results, s": asked - started,
    }


def main() -> None:
    """Print the table, or measure in a process of its own."""
    if len(sys.argv) == 3:
        begin = {"ours": ours, "parsls": parsls}[sys.argv[1]]
        print(json.dumps(measure(begin, Path(sys.argv[2]))))
        return
    with TemporaryDirectory() as folder:
        write_runs(Path(folder))
        found = {}
        for name in ("ours", "parsls"):
            found[name] = answer(__file__, name, folder)
    print(f"| {RUNS} runs of {RESULTS} results | polaris_parsl | Parsl's own |\n|---|---|---|")
    for name in found["ours"]:
        print(f"| {name} | {found['ours'][name]:.2f} | {found['parsls'][name]:.2f} |")


if __name__ == "__main__":
    main()
