"""Blocks of Parsl's executors: submitted, shown and ended as our own watch over them says."""

from collections.abc import Mapping, Sequence
from typing import Any

from parsl.executors import HighThroughputExecutor
from parsl.executors.high_throughput.errors import (
    CommandClientBadError,
    CommandClientTimeoutError,
)
from parsl.jobs.states import JobState, JobStatus
from parsl.providers.errors import SubmitException

from polaris_parsl.configuration.blocks.block import BlockState, Cause, JobBlock
from polaris_parsl.configuration.blocks.judge import Pool
from polaris_parsl.configuration.blocks.requests import RefusalError
from polaris_parsl.configuration.parsl_internals.internal import Internal, find
from polaris_parsl.configuration.parsl_internals.pool import DROP, NODES
from polaris_parsl.configuration.parsl_internals.provider import PolarisProvider

_ANSWER_SECONDS = 10

_STATES = Internal(
    "parsl.providers.torque.torque",
    "translate_table",
    "gets the state F, so that a finished job counts as finished (Parsl knows it since 2026.4.13)",
    "2023.2.27",
    ("parsl.providers.pbspro.pbspro.PBSProProvider._status",),
    is_as_expected=lambda table: table.get("R") is JobState.RUNNING,
)
_BLOCKS = "parsl.executors.status_handling.BlockProviderExecutor"
_CLUSTER = "parsl.providers.cluster_provider.ClusterProvider"
_STRATEGY = "parsl.jobs.strategy.Strategy._general_strategy"
_POLL = "parsl.jobs.job_status_poller.JobStatusPoller.poll"
_SET = f"{_BLOCKS}.__init__"
INTERNALS = (
    _STATES,
    Internal(
        _BLOCKS,
        "scale_out_facade",
        "submits blocks, the initial ones at the start",
        "2024.4.15",
        (_STRATEGY,),
    ),
    Internal(
        _BLOCKS,
        "scale_in_facade",
        "deletes jobs, all of them at the end of the run",
        "2024.4.15",
        ("parsl.jobs.job_status_poller.JobStatusPoller.close",),
    ),
    Internal(
        _BLOCKS,
        "handle_errors",
        "leaves the judgement of failed blocks to polaris_parsl",
        "2026.10.26",
        (_POLL,),
    ),
    Internal(
        _BLOCKS,
        "poll_facade",
        "looks at the blocks",
        "2026.10.26",
        (_POLL,),
    ),
    Internal(
        _BLOCKS,
        "blocks_to_job_id",
        "says which PBS job a block is",
        "2024.4.1",
        (f"{_BLOCKS}.scale_out_facade",),
        set_in=_SET,
    ),
    Internal(
        _BLOCKS,
        "job_ids_to_block",
        "says which block a PBS job is",
        "2024.4.1",
        (f"{_BLOCKS}.scale_out_facade",),
        set_in=_SET,
    ),
    Internal(
        _BLOCKS,
        "_block_id_counter",
        "gives each block its number",
        "2024.4.1",
        (f"{_BLOCKS}.scale_out_facade",),
        set_in=_SET,
    ),
    Internal(
        _BLOCKS,
        "_status",
        "shows Parsl's scaling the state of each block",
        "2024.4.15",
        (f"{_BLOCKS}.poll_facade",),
        set_in=_SET,
    ),
    Internal(
        _CLUSTER,
        "init_blocks",
        "is set to 0 once the initial blocks are submitted, for Parsl not to submit them again",
        "2023.2.27",
        (_STRATEGY,),
        set_in=f"{_CLUSTER}.__init__",
    ),
    Internal(
        _CLUSTER,
        "resources",
        "forgets a job whose id is none",
        "2023.2.27",
        (
            "parsl.providers.pbspro.pbspro.PBSProProvider.submit",
            "parsl.providers.pbspro.pbspro.PBSProProvider._status",
        ),
        set_in=f"{_CLUSTER}.__init__",
    ),
)

# What Parsl's scaling counts: a held block is one, too, and what failed is judged by us alone.
_SHOWN = {
    BlockState.ASKED: JobState.PENDING,
    BlockState.QUEUED: JobState.PENDING,
    BlockState.HELD: JobState.PENDING,
    BlockState.STARTING: JobState.RUNNING,
    BlockState.WORKING: JobState.RUNNING,
    BlockState.ENDED: JobState.COMPLETED,
}


def count_finished_jobs() -> None:
    """Let Parsl before 2026.4.13 know the state of a finished PBS job (its pull request 4085).

    It takes such a job for one in an unknown state, never counts it as failed, and submits
    another at every poll.
    """
    if _STATES.is_there():
        find(_STATES.name).setdefault("F", JobState.COMPLETED)


class WatchedBlocks(HighThroughputExecutor):
    """HighThroughputExecutor whose PBS jobs are asked for, looked at and judged by methods of ours.

    Inside a job its blocks are processes, and Parsl's own judgement of them stays.
    """

    is_ending = False

    @property
    def has_jobs(self) -> bool:
        """Whether its blocks are PBS jobs."""
        return isinstance(self.provider, PolarisProvider)

    def block_submitted(self, block: str, job: str) -> None:
        """Called for each block inside a job when it has started.

        Args:
            block: Parsl's number of it.
            job: id of the process.
        """

    def ask_for_blocks(self, numbers: Sequence[str]) -> None:
        """Called to ask for blocks that are PBS jobs."""

    def look_at_blocks(self) -> None:
        """Called every strategy_period."""

    def blocks_given_back(self, numbers: Sequence[str]) -> None:
        """Called when Parsl's scaling has deleted blocks."""

    def delete_all_blocks(self) -> None:
        """Called when the run ends."""

    def room_for_blocks(self) -> int:
        """How many PBS jobs may be asked for."""
        return 0

    def scale_out_facade(self, n: int) -> list[str]:
        """Submit blocks, as Parsl's scaling asks for."""
        if not self.has_jobs:
            blocks = super().scale_out_facade(n)
            for block in blocks:
                self.block_submitted(block, str(self.blocks_to_job_id[block]))
            return blocks
        count = min(n, self.room_for_blocks())
        numbers = [str(self._block_id_counter.get_id()) for _ in range(count)]
        self.ask_for_blocks(numbers)
        return numbers

    def scale_in_facade(self, n: int, max_idletime: float | None = None) -> list[str]:
        """Delete blocks, as Parsl's scaling asks for; all of them when the run ends."""
        if self.is_ending:
            self.delete_all_blocks()
            return []
        blocks = super().scale_in_facade(n, max_idletime)
        if self.has_jobs:
            self.blocks_given_back(blocks)
        return blocks

    def poll_facade(self) -> None:
        """Look at the blocks, more often than Parsl does."""
        if self.has_jobs:
            self.look_at_blocks()
        else:
            super().poll_facade()

    def handle_errors(self, status: dict[str, JobStatus]) -> None:
        """Judge the blocks inside a job as Parsl does; of others, the watch has judged already."""
        if not self.has_jobs:
            super().handle_errors(status)

    def replace_blocks(self, count: int) -> None:
        """Ask for more blocks in the place of lost ones."""
        self.scale_out_facade(count)

    def submit_initial_blocks(self) -> None:
        """Submit the initial blocks now; Parsl's scaling submits no more on its own account."""
        provider: Any = self.provider
        count, provider.init_blocks = provider.init_blocks, 0
        self.scale_out_facade(count)

    def submit_block(self, block: JobBlock) -> str:
        """Submit the job of a block, and give the block its name; its id.

        Raises:
            RefusalError: qsub did not take it, or did not say so.
        """
        provider = self.provider
        assert isinstance(provider, PolarisProvider), "only such blocks are asked for here"
        try:
            return str(self._launch_block(block.number))
        except SubmitException as error:
            words = (error.stderr or error.stdout or "").strip()
            raise RefusalError(provider.last_name, error.retcode or 0, words) from error
        except Exception as error:
            raise RefusalError("", 1, str(error)) from error
        finally:
            block.name = provider.last_name

    def show_block(self, block: JobBlock) -> None:
        """Show Parsl's scaling the state of a block."""
        if block.job:
            self.blocks_to_job_id[block.number] = block.job
            self.job_ids_to_block[block.job] = block.number
        given_back = block.cause is Cause.GIVEN_BACK
        state = JobState.SCALED_IN if given_back else _SHOWN[block.state]
        self._status[block.number] = JobStatus(state, block.words or None)

    def fail_all(self, error: Exception) -> None:
        """Fail all tasks, now and from now on."""
        if not self.bad_state_is_set:
            self.set_bad_state_and_fail_all(error)

    def interchange_end(self) -> int | None:
        """Exit code of the interchange; None while it runs."""
        return self.interchange_proc.poll() if self.interchange_proc else None

    def pools_now(self) -> tuple[Mapping[str, Pool], Sequence[str]] | None:
        """Connected pools of workers, and blocks that ever had one; None if it is not known."""
        answer = self._ask_interchange(NODES)
        if answer is None:
            return None
        pools, ever = answer
        return {name: Pool(*facts) for name, facts in pools.items()}, ever

    def drop_pools(self, pools: Sequence[str]) -> None:
        """Give up the tasks of pools of workers that are gone for certain."""
        self._ask_interchange([DROP, *pools])

    def connected_managers(self) -> list[dict[str, Any]]:
        """Parsl's list of the connected pools; none if the interchange does not answer."""
        return self._ask_interchange("MANAGERS") or []

    def connected_blocks(self) -> list[str]:
        """Parsl's list of blocks that ever had workers; none if the interchange does not answer."""
        return self._ask_interchange("CONNECTED_BLOCKS") or []

    def _hold_manager(self, manager_id: str) -> None:
        self._ask_interchange(["HOLD_MANAGER", manager_id])

    def _ask_interchange(self, command: Any) -> Any:
        """The interchange's answer; None if it has ended or is late."""
        if self.interchange_proc is None or self.interchange_end() is not None:
            return None
        client = self.command_client
        try:
            return client.run(command, timeout_s=_ANSWER_SECONDS)
        except (CommandClientTimeoutError, CommandClientBadError):
            # Parsl would never ask it again.
            client.zmq_socket.close()
            client.create_socket_and_bind()
            client.ok = True
            return None
