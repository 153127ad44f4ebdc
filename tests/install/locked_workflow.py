"""A workflow of one task, whose result a second run finds in the checkpoints."""

import sys

import parsl
from parsl import python_app

import polaris_parsl


@python_app(cache=True)
def double(number: int) -> int:
    """Twice a number."""
    return 2 * number


if __name__ == "__main__":
    with parsl.load(
        polaris_parsl.config(account="datascience", queue="debug", run_dir=sys.argv[1])
    ):
        sys.stdout.write(f"{double(21).result()}\n")
