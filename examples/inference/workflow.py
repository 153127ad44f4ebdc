"""Inference over many inputs: each worker loads the model once, and keeps it for its next tasks.

A worker is a process that lives as long as its block. What a module keeps in memory is there for
all tasks that the worker runs: so model.py loads the model at the first task and finds it at the others.
"""

from collections import Counter

import parsl
from parsl import python_app

import polaris_parsl


@python_app(cache=True)  # without cache=True Parsl keeps no checkpoint of the result
def classify(first: int, count: int) -> tuple[list[int], str, str]:
    """The classes of a batch of inputs, the worker that found them, and with what."""
    import os
    import socket

    import model  # beside this file; tasks find it as the script does

    loaded = model.load()
    inputs = [model.read_input(number) for number in range(first, first + count)]
    worker = (
        f"{socket.gethostname()} GPU {os.environ['CUDA_VISIBLE_DEVICES']}, loads {len(model.loads)}"
    )
    return loaded.classify(inputs), worker, loaded.library


def main() -> None:
    """Classify all inputs in batches and count what was found, and by whom."""
    batch = 25  # so many that a task takes some seconds, not milliseconds
    with parsl.load(polaris_parsl.config()):
        tasks = [classify(first, batch) for first in range(0, 1000, batch)]
        done = [task.result() for task in tasks]

    classes = Counter(each for found, _, _ in done for each in found)
    print(f"{sum(classes.values())} inputs in {len(classes)} classes, by {done[0][2]}")
    for worker, batches in sorted(Counter(worker for _, worker, _ in done).items()):
        print(f"{worker}: {batches} batches")


if __name__ == "__main__":
    main()
