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
    config = polaris_parsl.config(
        account="datascience", queue="debug", available_accelerators=1, run_dir=sys.argv[1]
    )
    with parsl.load(config):
        sys.stdout.write(f"{double(21).result()}\n")
