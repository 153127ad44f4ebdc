"""What all workers of a pool import; `forks` has one process import it, from which they are forked."""

import multiprocessing.queues
import multiprocessing.synchronize  # noqa: F401

from polaris_parsl.configuration.parsl_internals.lean import lean_imports

with lean_imports():
    import parsl.executors.high_throughput.monitoring_info
    import parsl.executors.high_throughput.process_worker_pool  # noqa: F401

    import polaris_parsl.configuration.parsl_internals.logs
    import polaris_parsl.configuration.parsl_internals.measure
    import polaris_parsl.configuration.parsl_internals.plain_data
    import polaris_parsl.configuration.parsl_internals.running
    import polaris_parsl.configuration.parsl_internals.worker_starts  # noqa: F401
