"""Whether a block of many nodes starts: one task on each worker of N pretended nodes.

    polaris-parsl sandbox --nodes 64 -- python benchmarks/many_nodes.py --nodes 64

Each task waits until all workers are there, so that every worker has one.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path

import parsl
from parsl.app.app import python_app

import polaris_parsl
from polaris_parsl.facts.polaris import polaris


@python_app
def meet(_number: int, folder: str, workers: int, patience_seconds: float) -> tuple[str, str]:
    """Wait for the other workers; the node and the GPU of this one."""
    import os
    import socket
    import time
    from pathlib import Path

    where = socket.gethostname(), os.environ["CUDA_VISIBLE_DEVICES"]
    Path(folder, "-".join(where)).touch()
    latest = time.monotonic() + patience_seconds
    while len([*Path(folder).iterdir()]) < workers and time.monotonic() < latest:
        time.sleep(0.5)
    return where


def processes() -> tuple[int, float]:
    """How many processes the sandbox has now, and their memory in GB, what they share counted once.

    With namespaces its own are all that it sees.
    """
    kilobytes = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (line.split() for line in (folder / "smaps_rollup").read_text().splitlines())
            kilobytes.append(next(int(field[1]) for field in fields if field[0] == "Pss:"))
    return len(kilobytes), sum(kilobytes) / 1e6


def main() -> int:
    """Run the tasks and print what they saw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=64)
    parser.add_argument("--queue", default="prod")
    parser.add_argument("--patience", type=float, default=400, help="seconds to wait for workers")
    args = parser.parse_args()
    workers = args.nodes * len(polaris().node.accelerators)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        meeting = Path(folder, "meeting")
        meeting.mkdir()
        config = polaris_parsl.config(
            account="sandbox",
            queue=args.queue,
            nodes_per_block=args.nodes,
            walltime="0:30:00",
            run_dir=Path(folder, "runs"),
        )
        start = time.monotonic()
        with parsl.load(config):
            tasks = [meet(each, str(meeting), workers, args.patience) for each in range(workers)]
            seen = {task.result() for task in tasks}
            seconds = time.monotonic() - start
            count, memory = processes()
    nodes = {node for node, _ in seen}
    print(
        f"{len(nodes)} nodes, {len(seen)} of {workers} workers, "
        f"{seconds:.0f} s from parsl.load to the last result, "
        f"{count} processes, {memory:.1f} GB"
    )
    return 0 if len(seen) == workers else 1


if __name__ == "__main__":
    sys.exit(main())
