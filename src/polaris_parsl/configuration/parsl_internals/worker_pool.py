"""Our pool of workers: Parsl's, which also says what ended a worker, and starts none for ever.

It runs as a program on the nodes. Parsl reports a task whose worker has died as WorkerLost, with the
worker's number and node; what killed it is known only there.
"""

import runpy

import parsl.executors.high_throughput.errors as parsl_errors

from polaris_parsl.configuration.parsl_internals.pool import PARSLS_POOL
from polaris_parsl.configuration.parsl_internals.worker_starts import watch_workers


def main() -> None:
    """Run Parsl's pool in this process."""
    parsl_errors.WorkerLost = watch_workers().lost  # type: ignore[assignment,misc]
    runpy.run_module(PARSLS_POOL, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
