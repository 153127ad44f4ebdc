"""Our pool of workers: Parsl's, which also says what ended a worker.

It runs as a program on the nodes. Parsl reports a task whose worker has died as WorkerLost, with the
worker's number and node; what killed it is known only there.
"""

import runpy

import parsl.executors.high_throughput.errors as parsl_errors

from polaris_parsl.configuration.parsl_internals.node_lost import WorkerKilled
from polaris_parsl.configuration.parsl_internals.pool import PARSLS_POOL


def main() -> None:
    """Run Parsl's pool in this process."""
    parsl_errors.WorkerLost = WorkerKilled  # type: ignore[misc]
    runpy.run_module(PARSLS_POOL, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
