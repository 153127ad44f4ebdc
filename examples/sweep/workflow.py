"""A parameter sweep on the GPUs of a few nodes, with a file per task and checkpoints.

Each task integrates the populations of predators and prey for one pair of parameters,
writes them to a file and reports where it ran. Run the sweep twice: the second run
takes every result from the checkpoints of the first.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import parsl
from parsl import python_app

import polaris_parsl


@python_app(cache=True)  # without cache=True Parsl keeps no checkpoint of the result
def simulate(birth: float, death: float, results: str) -> dict[str, Any]:
    """Integrate the Lotka-Volterra equations with the classical Runge-Kutta method."""
    import json
    import os
    import socket
    from pathlib import Path

    def slope(prey: float, predators: float) -> tuple[float, float]:
        return prey * (birth - 0.6 * predators), predators * (0.3 * prey - death)

    prey, predators, step, path = 2.0, 1.0, 0.001, []
    for number in range(60_000):
        if number % 500 == 0:
            path.append((prey, predators))
        a = slope(prey, predators)
        b = slope(prey + step / 2 * a[0], predators + step / 2 * a[1])
        c = slope(prey + step / 2 * b[0], predators + step / 2 * b[1])
        d = slope(prey + step * c[0], predators + step * c[1])
        prey += step / 6 * (a[0] + 2 * b[0] + 2 * c[0] + d[0])
        predators += step / 6 * (a[1] + 2 * b[1] + 2 * c[1] + d[1])

    file = Path(results) / f"birth-{birth:.2f}-death-{death:.2f}.json"
    file.write_text(json.dumps({"birth": birth, "death": death, "path": path}))
    return {
        "peak": max(prey for prey, _ in path),
        "node": socket.gethostname(),
        "gpu": os.environ["CUDA_VISIBLE_DEVICES"],
        "cpus": sorted(os.sched_getaffinity(0)),
    }


def ranges(cpus: list[int]) -> str:
    """The numbers as PBS and taskset write them: 0-7,32-39."""
    starts = [cpu for cpu in cpus if cpu - 1 not in cpus]
    ends = [cpu for cpu in cpus if cpu + 1 not in cpus]
    return ",".join(f"{first}-{last}" for first, last in zip(starts, ends, strict=True))


def main() -> None:
    """Run the sweep and print where its tasks ran."""
    results = Path("results").absolute()
    results.mkdir(exist_ok=True)
    # account, queue, nodes and walltime stand in polaris-parsl.toml
    with parsl.load(polaris_parsl.config()):
        tasks = [
            simulate(birth / 10, death / 10, str(results))
            for birth in range(8, 16)
            for death in range(4, 13)
        ]
        done = [task.result() for task in tasks]
        from_checkpoints = sum(bool(task.task_record["from_memo"]) for task in tasks)

    computed = len(done) - from_checkpoints
    print(f"{len(done)} results: {computed} computed, {from_checkpoints} from checkpoints")
    if not computed:
        print("Nothing was computed; the table shows where an earlier run did it.")
    places = Counter((task["node"], task["gpu"], ranges(task["cpus"])) for task in done)
    print(f"{'node':<16} {'GPU':<4} {'CPUs':<14} tasks")
    for (node, gpu, cpus), count in sorted(places.items()):
        print(f"{node:<16} {gpu:<4} {cpus:<14} {count:5}")
    print(f"{len(places)} workers; the highest peak of prey is {max(t['peak'] for t in done):.3f}")


if __name__ == "__main__":
    main()
