"""Counts the path calls on shared places that a node's pool of workers makes, ours and the page's.

    polaris-parsl sandbox -- python benchmarks/node_calls.py --page PAGE_PYTHON [--stage]

A pool with four workers starts on one node and runs some tasks, under strace. PAGE_PYTHON is the Python of
an environment made by ALCF's page on the same base: `python -m venv --system-site-packages DIR`, then
`DIR/bin/pip install parsl==RELEASE` with the release of ours. A path call is a system call that names
a path, failing ones included, or lists a directory; a place is shared if it lies in the environment, its
base or the run directory. Counts do not depend on the machine's load.
"""

import argparse
import collections
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import parsl
from parsl import python_app

TASKS, WORKERS = 17, 4
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)$")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FOLDER = re.compile(r"^(?:AT_FDCWD|\d+)<([^>]*)>")
_EMPTY_PATH = ', "", '


@python_app
def number(value: int) -> tuple[str, str]:
    """The worker that ran it, and where its Parsl lies."""
    import os
    import time

    import parsl

    time.sleep(1)
    del value
    return os.environ["PARSL_WORKER_RANK"], parsl.__file__


def run_ours(run_dir: Path, trace: Path, stage: bool) -> None:
    """A run of polaris_parsl."""
    import polaris_parsl

    made = polaris_parsl.config(
        account="sandbox", queue="debug", walltime="0:10:00", run_dir=run_dir, stage=stage
    )
    _run(made, trace)


def run_page(run_dir: Path, trace: Path) -> None:
    """A run of the page's configuration."""
    from page_configuration import page

    _run(page(run_dir), trace)


def _run(config: parsl.Config, trace: Path) -> None:
    executor: Any
    (executor,) = config.executors
    inner = shlex.quote(executor.launch_cmd)
    what = "-e trace=%file,getdents64"
    executor.launch_cmd = f"strace -f -qq -y -s 4096 -o {trace} {what} /bin/sh -c {inner}"
    with parsl.load(config):
        waiting = [number(each) for each in range(TASKS)]
        seen = len({task.result()[0] for task in waiting})
    if seen != WORKERS:
        sys.exit(f"only {seen} of {WORKERS} workers had a task")


def calls(trace: Path) -> Iterator[tuple[str, str]]:
    """The name of each call and the path that it names."""
    for line in trace.read_text(errors="replace").splitlines():
        found = _CALL.match(line)
        if not found:
            continue
        name, rest = found.groups()
        folder = _FOLDER.match(rest)
        if name == "getdents64":
            yield name, folder.group(1) if folder else ""
            continue
        text = _TEXT.search(rest)
        if text is None or _EMPTY_PATH in rest or name == "getcwd":
            continue  # asks about an open file, or the kernel alone
        path = text.group(1)
        yield name, os.path.normpath(Path(folder.group(1) if folder else "/", path))


def kind(path: str, roots: dict[str, str]) -> str:
    """What sort of path it is."""
    if path.startswith(roots["run"]):
        return "run directory"
    if ".dist-info" in path or ".egg-info" in path:
        return "dist-info"
    for end, name in ((".pyc", ".pyc"), (".py", ".py"), (".pth", ".pth"), (".image", "image")):
        if path.endswith(end):
            return name
    if ".so" in path or "glibc-hwcaps" in path or path.endswith("/lib"):
        return "shared libraries"
    if path.endswith(("site-packages", "lib-dynload", ".zip")) or re.search(r"python3\.\d+$", path):
        return "directories of sys.path"
    return "package directories and others"


def count(trace: Path, roots: dict[str, str]) -> dict[str, int]:
    """How many calls there are by kind, on shared places."""
    kinds = collections.Counter(
        kind(path, roots)
        for _, path in calls(trace)
        if any(path.startswith(root) for root in roots.values())
    )
    return {"all": sum(kinds.values()), **dict(kinds.most_common())}


def measure(python: str, what: str, stage: bool) -> dict[str, int]:
    """Run this program again with a Python, and count."""
    with tempfile.TemporaryDirectory(prefix="calls-") as name:
        folder = Path(name)
        trace, run_dir = folder / "trace", folder / "runs"
        words = [python, __file__, "--run", what, str(run_dir), str(trace)]
        path = (
            f"{Path(python).parent}:{os.environ['PATH']}"  # the page's way to find Parsl's programs
        )
        words += ["--stage"] if stage else []
        subprocess.run(words, check=True, env={**os.environ, "PATH": path})
        if keep := os.environ.get("KEEP_TRACE"):
            Path(keep, f"{what}{'-staged' if stage else ''}.trace").write_bytes(trace.read_bytes())
        script = "import sys; print(sys.prefix); print(sys.base_prefix)"
        prefixes = subprocess.run(
            [python, "-c", script], capture_output=True, text=True, check=True
        ).stdout.split()
        return count(trace, {"run": str(run_dir), "env": prefixes[0], "base": prefixes[1]})


def main() -> None:
    """Print the table, or make one run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", help="Python of an environment made as the page says")
    parser.add_argument("--stage", action="store_true", help="ours staged, too")
    parser.add_argument(
        "--run", nargs=3, metavar=("WHAT", "RUN_DIR", "TRACE"), help=argparse.SUPPRESS
    )
    args = parser.parse_args()
    if args.run:
        what, run_dir, trace = args.run
        if what == "ours":
            run_ours(Path(run_dir), Path(trace), args.stage)
        else:
            run_page(Path(run_dir), Path(trace))
        return
    rows: dict[str, dict[str, int]] = {}
    if args.page:
        rows["page"] = measure(args.page, "page", False)
    if not os.environ.get("ONLY"):
        rows["ours"] = measure(sys.executable, "ours", False)
    if args.stage:
        rows["ours, staged"] = measure(sys.executable, "ours", True)
    print(json.dumps(rows))
    names = list(dict.fromkeys(each for row in rows.values() for each in row))
    print(f"| calls | {' | '.join(rows)} |\n|{'---|' * (len(rows) + 1)}")
    for name in names:
        print(f"| {name} | {' | '.join(str(row.get(name, 0)) for row in rows.values())} |")


if __name__ == "__main__":
    main()
