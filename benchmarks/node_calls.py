"""Counts what the pools of a block ask of shared places: the page's recipe, ours, and ours staged.

    polaris-parsl sandbox --nodes N -- python benchmarks/node_calls.py --page PAGE_PYTHON [--nodes N]

A pool with four workers starts on each node under strace, and each worker has a task (path_calls.py says what is
counted). PAGE_PYTHON is the Python of an environment made by ALCF's page on the same base: `python -m venv
--system-site-packages DIR`, then `DIR/bin/pip install parsl==RELEASE` with the release of ours. The working
directory must hold both environments, or nodes do not share them. `--write` measures what `polaris-parsl scale`
predicts from, in a sandbox of two nodes.
"""

import argparse
import datetime
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import parsl
from page_configuration import WORKERS, page, queue
from parsl import python_app
from path_calls import Asked, asked, traced
from turns import answer

WALLTIME, PATIENCE_SECONDS = "0:30:00", 900


@python_app
def meet(number: int, folder: str, workers: int, patience_seconds: float) -> tuple[str, float]:
    """Wait until each worker has a task; which one ran this, and the CPU seconds of it and its pool."""
    import os
    import socket
    import time
    from pathlib import Path

    del number
    stat = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()
    used = time.process_time() + sum(map(int, stat[11:13])) / os.sysconf("SC_CLK_TCK")
    worker = f"{socket.gethostname()}-{os.environ['PARSL_WORKER_RANK']}"
    Path(folder, worker).touch()
    latest = time.monotonic() + patience_seconds
    while len([*Path(folder).iterdir()]) < workers and time.monotonic() < latest:
        time.sleep(0.3)
    return worker, used


@dataclass(frozen=True)
class Request:
    """A block."""

    run_dir: Path
    queue: str
    nodes: int
    workers: int


def by_page(request: Request) -> parsl.Config:
    """The page's configuration."""
    return page(
        request.run_dir,
        queue=request.queue,
        nodes=request.nodes,
        workers=request.workers,
        walltime=WALLTIME,
    )


def staged(request: Request, *, stage: bool = True) -> parsl.Config:
    """The same request to polaris_parsl."""
    import polaris_parsl

    return polaris_parsl.config(
        account="sandbox",
        queue=request.queue,
        nodes_per_block=request.nodes,
        walltime=WALLTIME,
        available_accelerators=request.workers,
        run_dir=request.run_dir,
        stage=stage,
    )


def not_staged(request: Request) -> parsl.Config:
    """With stage=False."""
    return staged(request, stage=False)


def each_reads(request: Request) -> parsl.Config:
    """Staged, but each node reads the archive from the shared file system."""
    made = staged(request)
    executor: Any
    (executor,) = made.executors
    executor.launch_cmd = f"unset POLARIS_PARSL_BLOCK_NODES; {executor.launch_cmd}"
    return made


PAGE, NOT_STAGED, STAGED, EACH = "page", "ours, stage=False", "ours", "ours, each node reads"
RECIPES: dict[str, Callable[[Request], parsl.Config]] = {
    PAGE: by_page,
    NOT_STAGED: not_staged,
    STAGED: staged,
    EACH: each_reads,
}


@dataclass(frozen=True)
class Block:
    """What a block asked.

    Attributes:
        nodes: for each node; empty if it ran without strace.
        seconds: from parsl.load to the last result.
        cpu: seconds of one pool and one of its workers; the median of all.
    """

    nodes: list[Asked]
    seconds: float
    cpu: float

    @property
    def kinds(self) -> Counter[str]:
        """Path calls of all nodes, by kind."""
        return sum((each.kinds for each in self.nodes), Counter[str]())

    @property
    def calls(self) -> int:
        """Path calls of all nodes."""
        return sum(each.calls for each in self.nodes)

    @property
    def opened(self) -> int:
        """Files that were opened to be read, of all nodes."""
        return sum(each.opened for each in self.nodes)

    @property
    def size(self) -> int:
        """Bytes that all nodes read."""
        return sum(each.size for each in self.nodes)

    @property
    def archives(self) -> int:
        """How many nodes read the archive from the shared place."""
        return sum(each.archives for each in self.nodes)


def run(recipe: str, folder: Path, request: Request) -> dict[str, float]:
    """A block, in this process."""
    meeting = folder / "meeting"
    meeting.mkdir()
    config = RECIPES[recipe](request)
    executor: Any
    (executor,) = config.executors
    if (folder / "traces").exists():
        executor.launch_cmd = traced(executor.launch_cmd, folder / "traces")
    began = time.monotonic()
    with parsl.load(config):
        count = request.nodes * request.workers
        tasks = [meet(each, str(meeting), count, PATIENCE_SECONDS) for each in range(count)]
        seen = dict(task.result() for task in tasks)
        seconds = time.monotonic() - began
    if len(seen) != count:
        sys.exit(f"only {len(seen)} of {count} workers had a task")
    return {"seconds": seconds, "cpu": statistics.median(seen.values())}


def measure(
    python: str, recipe: str, nodes: int = 1, workers: int = WORKERS, *, trace: bool = True
) -> Block:
    """Run this program again with a Python, and count."""
    (block,) = measure_each(python, [(recipe, nodes, workers)], trace=trace)
    return block


def measure_each(
    python: str, blocks: Sequence[tuple[str, int, int]], *, trace: bool = True
) -> list[Block]:
    """The same for blocks of a recipe, nodes and workers, one after the other by one driver."""
    script = "import sys; print(sys.prefix); print(sys.base_prefix)"
    env, base = subprocess.check_output([python, "-c", script], text=True).splitlines()
    with tempfile.TemporaryDirectory(prefix="calls-", dir=Path.cwd()) as name:
        folders = [Path(name, str(number)) for number in range(len(blocks))]
        words: list[object] = []
        for folder, (recipe, nodes, workers) in zip(folders, blocks, strict=True):
            (folder / "traces" if trace else folder).mkdir(parents=True)
            words += ["--run", recipe, folder, queue(nodes), nodes, workers]
        said: Any = answer(__file__, *words, python=python)
        found = []
        for folder, (recipe, *_) in zip(folders, blocks, strict=True):
            roots = {"run": str(folder / "runs"), "env": env, "base": base}
            if recipe != PAGE:
                roots["install"] = str(Path(env).parent)
            traces = sorted(folder.glob("traces/*"))
            found.append(Block([asked(each, roots) for each in traces], **said[folder.name]))
        return found


def by_kind(blocks: dict[str, Block], more: dict[str, float]) -> str:
    """The table of kinds, of one node each; and what each worker more asks."""
    lines = [f"| path calls of one node | {' | '.join(blocks)} |", f"|{'---|' * (len(blocks) + 1)}"]
    lines.append(f"| all | {' | '.join(str(each.calls) for each in blocks.values())} |")
    for name in dict.fromkeys(each for block in blocks.values() for each in block.kinds):
        counts = (str(each.kinds.get(name, 0)) for each in blocks.values())
        lines.append(f"| {name} | {' | '.join(counts)} |")
    lines.append(f"| each worker more | {' | '.join(f'{each:.0f}' for each in more.values())} |")
    for name in ("opened", "size"):
        title = {"opened": "files opened to be read", "size": "bytes of them"}[name]
        lines.append(
            f"| {title} | {' | '.join(str(getattr(each, name)) for each in blocks.values())} |"
        )
    return "\n".join(lines)


def by_nodes(rows: list[tuple[str, int, Block]]) -> str:
    """The table of blocks of several nodes, beside what `polaris-parsl scale` predicts."""
    from polaris_parsl.scale.prediction import predict

    heads = (
        "nodes", "recipe", "path calls", "predicted", "MB read", "predicted MB",
        "nodes that read the archive", "seconds",
    )  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for recipe, nodes, block in rows:
        guess = {each.recipe: each for each in predict(nodes, workers=WORKERS)}.get(recipe)
        cells = (
            nodes, recipe, block.calls, guess.calls if guess else "-", f"{block.size / 1e6:.0f}",
            f"{guess.size / 1e6:.0f}" if guess else "-", block.archives or "-", f"{block.seconds:.0f}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def counts(python: str, recipe: str) -> dict[str, float]:
    """What a prediction needs: a node with four workers and with one, two nodes, and CPU without strace."""
    one, fewer = measure(python, recipe), measure(python, recipe, workers=1)
    two = measure(python, recipe, nodes=2)
    worker = round((one.calls - fewer.calls) / (WORKERS - 1))
    other = two.calls - one.calls
    return {
        "worker_calls": worker,
        "node_calls": other - WORKERS * worker,
        # what the first node of a block asks more than the others
        "block_calls": one.calls - other,
        "node_bytes": two.size - one.size,
        "block_bytes": one.size - (two.size - one.size),
        "cpu_seconds": round(measure(python, recipe, workers=1, trace=False).cpu, 2),
        **(handing_on() if recipe == STAGED else {}),
    }


def handing_on() -> dict[str, float]:
    """To how many nodes each gives the archive, and the CPU seconds of unpacking it."""
    from polaris_parsl.configuration.node import serve
    from polaris_parsl.installs import archive_of, own_install

    root = own_install()
    assert root, "only an install has an archive"
    archive = archive_of(root)
    script = Path(serve.__file__).with_name("stage.sh").read_text(encoding="utf-8")
    found = re.search(r"^fanout=(\d+)", script, re.MULTILINE)
    assert found, "stage.sh says to how many"
    before = os.times()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["sha256sum", archive], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
    after = os.times()
    used = sum(after[2:4]) - sum(before[2:4])
    return {"fanout": int(found.group(1)), "unpack_seconds": round(used, 2)}


def counts_file(old: str, pythons: dict[str, str]) -> str:
    """The file of `polaris-parsl scale`; what stands before the counts is kept."""
    (library,) = Path(sys.base_prefix, "lib").glob("python3.*/site-packages")
    packages = {each.metadata["Name"] for each in distributions(path=[str(library)])}
    lines = [
        "[measured]",
        f"date = {datetime.datetime.now(tz=datetime.UTC).date()}",
        'source = "benchmarks/node_calls.py, in the sandbox"',
        f'parsl = "{parsl.__version__}"',
        f'python = "{sys.version.split()[0]}"',
        f"base_packages = {len(packages)}",
    ]
    for recipe, python in pythons.items():
        lines += ["", "[[recipe]]", f'name = "{recipe}"']
        lines += [f"{name} = {value}" for name, value in counts(python, recipe).items()]
    return old.partition("\n[measured]\n")[0] + "\n" + "\n".join(lines) + "\n"


def main() -> None:
    """Print a table, make one run, or write the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", help="Python of an environment made as the page says")
    parser.add_argument("--nodes", type=int, nargs="*", help="blocks of so many nodes")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=[PAGE, NOT_STAGED, STAGED])
    parser.add_argument("--write", type=Path, help="file of counts")
    parser.add_argument("--run", nargs=5, action="append", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        said = {}
        for recipe, name, queue_name, nodes, workers in args.run:
            request = Request(Path(name, "runs"), queue_name, int(nodes), int(workers))
            said[Path(name).name] = run(recipe, Path(name), request)
        print(json.dumps(said))
        return
    recipes = [each for each in args.recipes if each != PAGE or args.page]
    pythons = {each: args.page if each == PAGE else sys.executable for each in recipes}
    if args.write:
        old = args.write.read_text(encoding="utf-8")
        args.write.write_text(counts_file(old, pythons), encoding="utf-8")
    elif args.nodes:
        rows = []
        for nodes in args.nodes:
            for recipe in recipes:
                rows.append((recipe, nodes, measure(pythons[recipe], recipe, nodes)))
                print(by_nodes(rows[-1:]).splitlines()[-1], file=sys.stderr)
        print(by_nodes(rows))
    else:
        blocks = {each: measure(pythons[each], each) for each in recipes}
        fewer = {each: measure(pythons[each], each, workers=1) for each in recipes}
        more = {each: (blocks[each].calls - fewer[each].calls) / (WORKERS - 1) for each in recipes}
        print(by_kind(blocks, more))


if __name__ == "__main__":
    main()
