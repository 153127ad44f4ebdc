"""Parsl's pieces, set up for the system: executor, provider and launcher."""

import atexit
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from parsl.executors import MPIExecutor
from parsl.launchers import GnuParallelLauncher, MpiExecLauncher, SimpleLauncher
from parsl.providers import LocalProvider, PBSProProvider

from polaris_parsl.configuration.addresses import refuse_foreign_address
from polaris_parsl.configuration.mpi_tasks import complete_specification
from polaris_parsl.configuration.parsl_internals.blocks import (
    WatchedBlocks,
    count_finished_jobs,
    jobs_left,
)
from polaris_parsl.configuration.parsl_internals.pool import (
    INTERCHANGE,
    interchange_command,
    offer_addresses,
    set_interchange_command,
)
from polaris_parsl.configuration.run_record import RunRecord
from polaris_parsl.configuration.settings import ExecutorSettings, values
from polaris_parsl.errors import warn
from polaris_parsl.process import run

# Ends the interchange with its parent; without it the workers see a living one until the walltime.
_INTERCHANGE_THAT_DIES_WITH_THE_DRIVER = f"""\
import ctypes, runpy, signal
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
runpy.run_module("{INTERCHANGE}", run_name="__main__", alter_sys=True)
"""


count_finished_jobs()


class _OrderlyBlocks(WatchedBlocks):
    """Asks for its first blocks at once and leaves none behind.

    Parsl leaves the first blocks to the first round of its scaling thread that
    sees the executor, a whole strategy_period (5 s) after the start. And it
    leaves all blocks running where the driver ends without `with parsl.load`,
    is killed, or has given the executor up: they would idle until their walltime,
    at the cost of the account.
    """

    mode = ""
    record: RunRecord

    def start(self) -> None:
        """Start the interchange and submit the initial blocks.

        Raises:
            OptionError: the address that workers connect to is not one of this node.
        """
        if self.address is not None:
            refuse_foreign_address(self.address)
        self.record.begin(Path(self.run_dir), str(self.run_id))
        if threading.current_thread() is threading.main_thread():
            # The kernel tells it of the end of the thread that started it, not of the process.
            python = interchange_command(self)[0]
            set_interchange_command(
                self, [python, "-P", "-c", _INTERCHANGE_THAT_DIES_WITH_THE_DRIVER]
            )
        atexit.register(self._delete_jobs_at_exit, os.getpid())
        super().start()  # type: ignore[no-untyped-call]
        # To Parsl's log, beside what it says about blocks.
        logging.getLogger("parsl.polaris_parsl").info("%s: %s", self.label, self.mode)
        self.record.executor_starts(self.label, self.mode)
        self.submit_initial_blocks()

    def shutdown(self, timeout: float = 10.0) -> None:
        """End the interchange, then whatever Parsl's scaling has left of the jobs."""
        super().shutdown(timeout)
        self._delete_jobs()
        atexit.unregister(self._delete_jobs_at_exit)
        self.record.executor_ends(self.label)

    def block_submitted(self, block: str, job: str) -> None:
        """Put a block into the record of the run."""
        self.record.block_submitted(self.label, block, job)

    def _delete_jobs_at_exit(self, driver: int) -> None:
        # A process that the user's program forked ends in this way too; the jobs are not its own.
        if os.getpid() == driver:
            self._delete_jobs()

    def _delete_jobs(self) -> None:
        provider = self.provider
        if not isinstance(provider, PBSProProvider):
            return  # inside a job the blocks are processes, which end with the job
        left = jobs_left(provider)
        complaint = _qdel(left, provider.cmd_timeout) if left else ""
        if complaint:
            warn(
                f"jobs may be left running: {complaint}; look with `qstat -u $USER` and "
                f"delete them with `qdel {' '.join(left)}`",
            )


def _qdel(jobs: list[str], timeout_seconds: float) -> str:
    """Delete jobs; what qdel has against it, but for jobs that have ended by themselves.

    The provider could do it, but not while Python exits.
    """
    try:
        done = run(["qdel", *jobs], timeout_seconds=timeout_seconds)
    except OSError as error:
        return str(error)
    lines = done.stderr.splitlines() if done.returncode != 0 else []
    return " ".join(line for line in lines if "has finished" not in line)


class PolarisExecutor(_OrderlyBlocks):
    """HighThroughputExecutor with orderly blocks: tasks that run on one node."""


class PolarisMPIExecutor(_OrderlyBlocks, MPIExecutor):
    """MPIExecutor with orderly blocks: tasks that run over several nodes."""

    def submit(
        self,
        func: Callable[..., Any],
        resource_specification: dict[str, Any],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Give a task to the workers.

        Raises:
            OptionError: its parsl_resource_specification fits no block, or says too little.
        """
        assert self.provider, "build_executor gives one"
        nodes = self.provider.nodes_per_block
        complete = complete_specification(resource_specification, nodes_per_block=nodes)
        return super().submit(func, complete, *args, **kwargs)


def build_executor(
    settings: ExecutorSettings, mode: str, record: RunRecord
) -> PolarisExecutor | PolarisMPIExecutor:
    """The executor with its provider and launcher.

    Args:
        settings: their arguments.
        mode: where the workers run and why, for Parsl's log and the record.
        record: of the run.
    """
    launcher = _LAUNCHERS[settings.launcher_kind](**values(settings.launcher))
    provider = _PROVIDERS[settings.provider_kind](launcher=launcher, **values(settings.provider))
    arguments = values(settings.executor)
    # Of MPIExecutor it wants one word, of HighThroughputExecutor a list, and both take a list later.
    interchange = arguments.pop("interchange_launch_cmd")
    addresses = settings.addresses.value
    executor = _EXECUTORS[settings.executor_kind](
        provider=provider,
        # With several, the interchange listens on all interfaces; see below.
        address=addresses[0],
        **arguments,
    )
    set_interchange_command(executor, interchange)
    executor.mode = mode
    executor.record = record
    if len(addresses) > 1:
        offer_addresses(executor, addresses)
    return executor


_EXECUTORS: dict[str, type[PolarisExecutor | PolarisMPIExecutor]] = {
    "htex": PolarisExecutor,
    "mpi": PolarisMPIExecutor,
}
_PROVIDERS = {"pbspro": PBSProProvider, "local": LocalProvider}
_LAUNCHERS = {
    "mpiexec": MpiExecLauncher,
    "gnu_parallel": GnuParallelLauncher,
    "simple": SimpleLauncher,
}
