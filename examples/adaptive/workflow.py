"""An adaptive search: the results so far decide which task is submitted next.

As many tasks run as there are workers. Whenever one ends, the next starts near the best point
that is known by then, so no worker waits for a generation to be complete.
"""

import random
from concurrent.futures import FIRST_COMPLETED, wait
from typing import Any

import parsl
from parsl import python_app

import polaris_parsl

Point = tuple[float, float]
AT_ONCE = 4  # as many as there are workers: a node has one for each GPU


@python_app(cache=True)  # without cache=True Parsl keeps no checkpoint of the result
def evaluate(x: float, y: float) -> float:
    """Himmelblau's function, which is 0 at four points; your simulation goes here."""
    return (x * x + y - 11) ** 2 + (x + y * y - 7) ** 2


def near(best: Point, value: float, numbers: random.Random) -> Point:
    """The next point: the better the best one is, the nearer to it."""
    step = min(2.0, value**0.5 / 8)
    return best[0] + numbers.gauss(0, step), best[1] + numbers.gauss(0, step)


def main() -> None:
    """Search until the function is nearly 0, or so many points were tried."""
    numbers = random.Random(1)
    best, value, tried, most = (0.0, 0.0), float("inf"), 0, 400
    with parsl.load(polaris_parsl.config()):
        running: dict[Any, Point] = {}
        while value > 0.01 and tried < most:
            while len(running) < AT_ONCE:
                point = near(best, min(value, 256.0), numbers)
                running[evaluate(*point)] = point
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for task in ended:
                point, tried = running.pop(task), tried + 1
                if task.result() < value:
                    best, value = point, task.result()
                    print(f"{tried:4} tried: {value:10.5f} at ({best[0]:.3f}, {best[1]:.3f})")

    print(f"found {value:.5f} at ({best[0]:.3f}, {best[1]:.3f}) after {tried} tasks")


if __name__ == "__main__":
    main()
