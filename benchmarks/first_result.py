"""Measures how soon work begins: with our configuration and with that of ALCF's page, in one run.

    polaris-parsl sandbox -- python benchmarks/first_result.py [--nodes 3]

They take turns, each run in a process of its own. Seconds count from just before the configuration is built.
They are those of this machine; only the ratios apply elsewhere. CPU is that of the processes themselves, until
all workers have had a task: it hardly depends on what else the machine does.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import parsl
from page_configuration import WALLTIME, WORKERS, page, queue
from parsl import python_app
from parsl.config import Config
from turns import arguments, in_turns, medians
from usage import cpu_seconds

import polaris_parsl


@python_app(cache=True)
def number(value: int) -> int:
    """Do nothing, on a worker."""
    return value


@python_app(cache=True)
def meet(number: int, folder: str, count: int) -> int:
    """Wait until as many tasks run at once."""
    import time
    from pathlib import Path

    Path(folder, str(number)).touch()
    while len([*Path(folder).iterdir()]) < count:
        time.sleep(0.01)
    return number


def pages(run_dir: Path, nodes: int) -> Config:
    """The page's configuration on some nodes."""
    return page(run_dir, nodes=nodes, queue=queue(nodes))


def ours(run_dir: Path, nodes: int) -> Config:
    """The same request to polaris_parsl."""
    return polaris_parsl.config(
        account="sandbox",
        queue=queue(nodes),
        walltime=WALLTIME,
        run_dir=run_dir,
        nodes_per_block=nodes,
    )


KINDS: dict[str, Callable[[Path, int], Config]] = {"page": pages, "ours": ours}


def measure(kind: str, nodes: int, folder: Path) -> dict[str, float]:
    """Seconds from before the configuration is built to each event of one run, and CPU."""
    run_dir, met = folder / "runs", folder / "met"
    met.mkdir()
    start, clock, before = time.time(), time.perf_counter(), os.times()
    with parsl.load(KINDS[kind](run_dir, nodes)) as kernel:
        loaded = time.perf_counter() - clock
        number(1).result()
        result = time.perf_counter() - clock
        count = nodes * WORKERS
        for task in [meet(each, str(met), count) for each in range(count)]:
            task.result()
        everywhere = time.perf_counter() - clock
        own, interchange, pools = cpu_seconds(run_dir)
        submit_scripts = Path(kernel.run_dir) / "submit_scripts"
        (script,) = submit_scripts.glob("parsl.htex.block-0.*[0-9]")
        submitted = script.stat().st_mtime - start
    return {
        "load returned": loaded,
        "qsub called": submitted,
        "first result": result,
        f"all {count} workers": everywhere,
        "CPU of the driver": own - sum(before[:2]),
        "CPU of the interchange": interchange,
        "CPU of pools and workers": pools,
    }


def main() -> None:
    """Run both in turns and print medians and ratios, or make one run."""
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nodes", type=int, default=1)
    args = parser.parse_args()
    if args.run:
        kind, folder = args.run
        print(json.dumps(measure(kind, args.nodes, Path(folder))))
        return
    found = in_turns(__file__, KINDS, args.rounds, "--nodes", args.nodes)
    print(medians(f"{'one node' if args.nodes == 1 else f'{args.nodes} nodes'}, s", found))


if __name__ == "__main__":
    main()
