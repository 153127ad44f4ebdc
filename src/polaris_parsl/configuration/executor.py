"""Parsl's pieces, set up for the system: executor, provider and launcher."""

import atexit
import functools
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from parsl.executors import MPIExecutor
from parsl.launchers import GnuParallelLauncher, MpiExecLauncher, SimpleLauncher
from parsl.providers import LocalProvider

from polaris_parsl.configuration.addresses import refuse_foreign_address
from polaris_parsl.configuration.blocks.block import BlockChange, BlockState, Cause, JobBlock
from polaris_parsl.configuration.blocks.lines import Lines
from polaris_parsl.configuration.blocks.losses import Losses
from polaris_parsl.configuration.blocks.stray import delete_stray_jobs
from polaris_parsl.configuration.blocks.watch import Terms, Watch
from polaris_parsl.configuration.full_logs import mind_full_disks
from polaris_parsl.configuration.mpi_tasks import complete_specification
from polaris_parsl.configuration.parsl_internals.blocks import WatchedBlocks, count_finished_jobs
from polaris_parsl.configuration.parsl_internals.logs import leave_out_debug
from polaris_parsl.configuration.parsl_internals.measured import MeasuredTasks, See
from polaris_parsl.configuration.parsl_internals.node_lost import WorkerKilled
from polaris_parsl.configuration.parsl_internals.plain_data import write_plain_data_quickly
from polaris_parsl.configuration.parsl_internals.pool import (
    ENDS_WITH_PARENT,
    interchange_command,
    offer_addresses,
    set_interchange_command,
)
from polaris_parsl.configuration.parsl_internals.provider import PolarisProvider
from polaris_parsl.configuration.record.run_record import RunRecord
from polaris_parsl.configuration.settings import ExecutorSettings, values
from polaris_parsl.configuration.signals import end_in_order
from polaris_parsl.configuration.staged_modules import DIGEST, NO_DIGEST, StagedModules
from polaris_parsl.errors import BlockError, warn
from polaris_parsl.files import end_of
from polaris_parsl.pbs.walltime import read_walltime

# That a job runs is seen so much later at most.
_SEEN_LATE_SECONDS = 30.0
# Of a job's errors, so much is shown.
_STDERR_CHARACTERS = 2000

count_finished_jobs()


class _OrderlyBlocks(WatchedBlocks, MeasuredTasks):
    """Asks for its first blocks at once, keeps them, and leaves none behind.

    Parsl leaves the first blocks to the first round of its scaling thread that
    sees the executor, a whole strategy_period (5 s) after the start. And it
    leaves all blocks running where the driver ends without `with parsl.load`,
    is killed, or has given the executor up: they would idle until their walltime,
    at the cost of the account.
    """

    mode = ""
    leaves_out_debug = False
    modules: StagedModules | None = None
    record: RunRecord
    terms: Terms
    lines: Lines
    losses: Losses
    may_find_results: Callable[[], bool] = staticmethod(lambda: False)
    _waits_for_tasks = False

    @functools.cached_property
    def watch(self) -> Watch:
        """The watch over its PBS jobs."""
        provider = self.provider
        assert isinstance(provider, PolarisProvider), "inside a job there is none"
        return Watch(self, provider.pbs, self.terms, self.lines)

    def start(self) -> None:
        """Start the interchange and submit the initial blocks.

        Raises:
            OptionError: the address that workers connect to is not one of this node.
        """
        if self.address is not None:
            refuse_foreign_address(self.address)
        write_plain_data_quickly()
        self.record.begin(Path(self.run_dir), str(self.run_id))
        end_in_order()
        if threading.current_thread() is threading.main_thread():
            # The kernel tells it of the end of the thread that started it, not of the process.
            set_interchange_command(self, [*interchange_command(self), ENDS_WITH_PARENT])
        atexit.register(self._delete_jobs_at_exit, os.getpid())
        self.record.call_at_end(self.run_is_ending)
        if self.modules:
            self.launch_cmd = self.launch_cmd.replace(DIGEST, self._stage(self.modules))
        if self.leaves_out_debug:
            leave_out_debug(Path(self.run_dir, "parsl.log"))
        super().start()
        # To Parsl's log, beside what it says about blocks.
        logging.getLogger("parsl.polaris_parsl").info("%s: %s", self.label, self.mode)
        self.record.executor_starts(self.label, self.mode, **self._shape())
        self.losses.report.begin(self.run_dir)
        mind_full_disks(self.lines.say)
        if self.has_jobs:
            earlier = self.record.earlier_records()
            delete_stray_jobs(earlier, socket.gethostname(), self.watch.pbs, self.losses.lines)
            # where every result is found in checkpoints, no job is needed
            self._waits_for_tasks = self.may_find_results()
        if not self._waits_for_tasks:
            self.submit_initial_blocks()

    def _stage(self, modules: StagedModules) -> str:
        """Write the archive of the user's packages; its digest."""
        try:
            return modules.write(Path(self.run_dir).parent)
        except OSError as error:
            warn(f"the packages of stage_modules are imported from where they are: {error}")
            return NO_DIGEST

    def _shape(self) -> dict[str, Any]:
        """What a block of it is, for the record."""
        provider = self.provider
        assert provider, "build_executor gives one"
        gpus = len(self.available_accelerators)
        return {
            "nodes": provider.nodes_per_block,
            "workers": gpus or self.max_workers_per_node,
            "gpus": gpus,
            "walltime": getattr(provider, "walltime", None),
            "queue": getattr(provider, "queue", None),
        }

    def see_measured(self) -> See | None:
        """What gets the measurements of the task that this thread submits."""
        attempt = self.record.attempts.launching
        if attempt is None or attempt.executor != self.label:
            return None
        return attempt.measured

    def shutdown(self, timeout: float = 10.0) -> None:
        """End the interchange, then whatever is left of the jobs."""
        super().shutdown(timeout)
        self._delete_jobs()
        atexit.unregister(self._delete_jobs_at_exit)
        # what was lost since the last look
        self.losses.say()
        self.record.executor_ends(self.label)
        if self.record.has_ended:
            self._report_end()

    def _report_end(self) -> None:
        if self.record.counts_tasks:
            self.losses.report.say(self.record.tasks.as_facts())

    def run_is_ending(self) -> None:
        """Wait for PBS no longer than a moment from now on, and let `scale_in` delete all jobs."""
        if self.has_jobs:
            self.is_ending = True
            self.watch.hurry()

    def delete_all_blocks(self) -> None:
        """Delete all jobs."""
        self._delete_jobs()

    def block_submitted(self, block: str, job: str) -> None:
        """Put a block inside a job into the record of the run."""
        self.record.block_submitted(self.label, block, job)

    def ask_for_blocks(self, numbers: Sequence[str]) -> None:
        """Ask PBS for blocks."""
        self.watch.ask_for(numbers)

    def room_for_blocks(self) -> int:
        """How many PBS jobs may be asked for."""
        return self.watch.room()

    def look_at_blocks(self) -> None:
        """Look at the blocks, and act on what has changed."""
        end = self.interchange_end()
        if end is not None and not self.bad_state_is_set:
            self.end_run(_interchange_ended(end, self.run_dir, self.label))
        if self._waits_for_tasks and self.outstanding():
            self._waits_for_tasks = False
            self.submit_initial_blocks()
        self.watch.look()
        self.losses.say()

    def blocks_given_back(self, numbers: Sequence[str]) -> None:
        """Parsl's scaling has deleted blocks."""
        self.watch.give_back(numbers)

    def block_changed(self, change: BlockChange) -> None:
        """Put what happened to a block into the record of the run, and show it to Parsl."""
        self.show_block(change.block)
        self.record.block_changed(self.label, change)
        block = change.block
        if change.state is BlockState.ENDED and block.began:
            seconds = time.monotonic() - block.began
            nodes = self.provider.nodes_per_block if self.provider else 0
            self.losses.report.block_ended(nodes, seconds)

    def end_of_block(self, number: str) -> tuple[Cause | None, str]:
        """Why a block has ended or is ending, None if it goes on; and its walltime."""
        walltime = str(getattr(self.provider, "walltime", ""))
        block = self.watch.judge.blocks.get(number) if self.has_jobs else None
        if block is None:
            return None, walltime
        least = read_walltime(walltime).total_seconds() - _SEEN_LATE_SECONDS
        if block.cause is None and block.began and time.monotonic() - block.began >= least:
            return Cause.WALLTIME, walltime
        return block.cause, walltime

    def errors_of_block(self, error: Exception) -> str:
        """The end of the errors of a block's job, where a worker of it was killed."""
        if not isinstance(error, WorkerKilled) or not self.has_jobs:
            return ""
        block = self.watch.judge.blocks.get(error.block)
        said = self.stderr_of(block) if block else ""
        return f"the standard error of {block} ends with:\n{said}" if said else ""

    def end_run(self, error: BlockError) -> None:
        """Fail all tasks."""
        self.fail_all(error)

    def stderr_of(self, block: JobBlock) -> str:
        """The end of the errors of a block's job."""
        path = Path(self.run_dir, "submit_scripts", f"{block.name}.stderr")
        try:
            return end_of(path, characters=_STDERR_CHARACTERS)
        except OSError:
            return ""

    def _delete_jobs_at_exit(self, driver: int) -> None:
        # A process that the user's program forked ends in this way too; the jobs are not its own.
        if os.getpid() == driver:
            self._delete_jobs()
            self._report_end()

    def _delete_jobs(self) -> None:
        if not self.has_jobs:
            return  # inside a job the blocks are processes, which end with the job
        left, complaint = self.watch.close()
        if complaint:
            warn(
                f"jobs may be left running: {complaint}; look with `qstat -u $USER` and "
                f"delete them with `qdel {' '.join(left)}`",
            )


def _interchange_ended(code: int, run_dir: str, label: str) -> BlockError:
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return BlockError(
        f"Parsl's interchange, which connects driver and workers, has ended with {how}",
        remedy=f"see {run_dir}/{label}/interchange.log; results in the checkpoints are found again",
    )


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
    settings: ExecutorSettings, mode: str, record: RunRecord, losses: Losses | None = None
) -> PolarisExecutor | PolarisMPIExecutor:
    """The executor with its provider and launcher.

    Args:
        settings: their arguments.
        mode: where the workers run and why, for Parsl's log and the record.
        record: of the run.
        losses: lost tasks of the run.
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
    executor.terms = settings.terms
    executor.modules = settings.modules
    executor.losses = losses or Losses(Lines(), record.task_lost)
    executor.lines = executor.losses.lines
    if len(addresses) > 1:
        offer_addresses(executor, addresses)
    return executor


_EXECUTORS: dict[str, type[PolarisExecutor | PolarisMPIExecutor]] = {
    "htex": PolarisExecutor,
    "mpi": PolarisMPIExecutor,
}
_PROVIDERS = {"pbspro": PolarisProvider, "local": LocalProvider}
_LAUNCHERS = {
    "mpiexec": MpiExecLauncher,
    "gnu_parallel": GnuParallelLauncher,
    "simple": SimpleLauncher,
}
