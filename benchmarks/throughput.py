"""What a task that does nothing costs: by the recipe of ALCF's page, by our default, by our preset.

    polaris-parsl sandbox -- python benchmarks/throughput.py

The configurations take turns, each in a process of its own, on one node with four workers; the median is
shown. CPU is that of the processes themselves, read from /proc, for the tasks alone: of the driver, of the
interchange, and of the pool with its workers. It hardly depends on what else the machine does; the rate does.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import parsl
from page_configuration import QUEUE, WALLTIME, page
from parsl.config import Config

import polaris_parsl
from polaris_parsl.options.preset import Name

ROWS = (
    "tasks per second",
    "CPU per task, ms",
    "of the driver",
    "of the interchange",
    "of pool and workers",
    "bytes of run_dir per task",
)


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


def cpu_seconds(run_dir: Path) -> tuple[float, float, float]:
    """Of the driver, which is this process, of its interchange, and of the pool with all that it started."""
    parents = {int(each.name): each for each in Path("/proc").iterdir() if each.name.isdecimal()}
    above = {number: _parent(folder) for number, folder in parents.items()}
    named = {number: _command(folder) for number, folder in parents.items()}
    interchange = {
        number
        for number, words in named.items()
        if above[number] == os.getpid() and "interchange" in words
    }
    pool = {number for number, words in named.items() if f"--logdir={run_dir}" in words}
    while more := {number for number in above if above[number] in pool} - pool:
        pool |= more
    others = sum(map(_used, interchange)), sum(map(_used, pool))
    return time.process_time(), *others


def _stat(number: int) -> list[str]:
    try:
        text = Path(f"/proc/{number}/stat").read_text(encoding="utf-8")
    except OSError:
        return ["0"] * 20
    return text.rpartition(")")[2].split()


def _parent(folder: Path) -> int:
    return int(_stat(int(folder.name))[1])


def _used(number: int) -> float:
    return sum(map(int, _stat(number)[11:13])) / os.sysconf("SC_CLK_TCK")


def _command(folder: Path) -> str:
    try:
        return (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def sizes(folder: Path) -> Iterator[int]:
    """Of all files below a directory."""
    yield from (each.stat().st_size for each in folder.rglob("*") if each.is_file())


def measure(kind: str, tasks: int, folder: Path) -> dict[str, float]:
    """One run."""
    with parsl.load(KINDS[kind](folder)) as kernel:
        for future in [nothing(number) for number in range(200)]:
            future.result()
        before, size = cpu_seconds(folder), sum(sizes(folder))
        began = time.perf_counter()
        for future in [nothing(number) for number in range(tasks)]:
            future.result()
        seconds = time.perf_counter() - began
        after = cpu_seconds(folder)
        time.sleep(1.5)  # until the record of tasks is written
        grown = sum(sizes(folder)) - size
        del kernel
    used = [1000 * (end - start) / tasks for start, end in zip(before, after, strict=True)]
    return dict(zip(ROWS, (tasks / seconds, sum(used), *used, grown / tasks), strict=True))


def main() -> None:
    """Print the table, or make one run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--run", nargs=2, metavar=("KIND", "FOLDER"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        kind, folder = args.run
        print(json.dumps(measure(kind, args.tasks, Path(folder))))
        return
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in args.kinds}
    for _ in range(args.rounds):
        for kind, runs in found.items():
            with TemporaryDirectory(dir=Path.cwd()) as folder:
                words = ["--tasks", str(args.tasks), "--run", kind, folder]
                command = [sys.executable, __file__, *words]
                # the page's way to find Parsl's programs
                path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
                said = subprocess.check_output(command, env={**os.environ, "PATH": path})
                runs.append(json.loads(said.splitlines()[-1]))
                print(kind, runs[-1], file=sys.stderr)
    print(table(found, args.tasks))


def table(found: dict[str, list[dict[str, float]]], tasks: int) -> str:
    """The table in Markdown, with ratios to the first column."""
    first, *others = found
    heads = [first, *(name for each in others for name in (each, f"{each}/{first}"))]
    lines = [f"| {tasks} tasks that do nothing | {' | '.join(heads)} |"]
    lines.append(f"|{'---|' * (len(heads) + 1)}")
    for row in ROWS:
        medians = {
            kind: statistics.median(each[row] for each in runs) for kind, runs in found.items()
        }
        base = medians[first]
        cells = [f"{base:.2f}"]
        for each in others:
            ratio = f"{medians[each] / base:.2f}" if base else "-"
            cells += [f"{medians[each]:.2f}", ratio]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
