"""Blocks of Parsl's executors: how they are submitted, reported and deleted."""

from typing import Any

from parsl.executors import HighThroughputExecutor
from parsl.jobs.states import JobState
from parsl.providers import LocalProvider, PBSProProvider

from polaris_parsl.configuration.parsl_internals.internal import Internal, find

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
INTERNALS = (
    _STATES,
    Internal(
        _BLOCKS,
        "scale_out_facade",
        "submits the initial blocks at the start, and tells the record of each block",
        "2024.4.15",
        (_STRATEGY,),
    ),
    Internal(
        _BLOCKS,
        "blocks_to_job_id",
        "says which PBS job a block is",
        "2024.4.1",
        (f"{_BLOCKS}.scale_out_facade",),
        set_in=f"{_BLOCKS}.__init__",
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
        "says which jobs have not ended, to delete them when the driver ends",
        "2023.2.27",
        (
            "parsl.providers.pbspro.pbspro.PBSProProvider.submit",
            "parsl.providers.pbspro.pbspro.PBSProProvider._status",
        ),
        set_in=f"{_CLUSTER}.__init__",
    ),
)


def count_finished_jobs() -> None:
    """Let Parsl before 2026.4.13 know the state of a finished PBS job (its pull request 4085).

    It takes such a job for one in an unknown state, never counts it as failed, and submits
    another at every poll.
    """
    if _STATES.is_there():
        find(_STATES.name).setdefault("F", JobState.COMPLETED)


class WatchedBlocks(HighThroughputExecutor):
    """HighThroughputExecutor that tells of each block, and submits its initial blocks on request."""

    def block_submitted(self, block: str, job: str) -> None:
        """Called for each block when the provider has taken it.

        Args:
            block: Parsl's number of it.
            job: id of the PBS job, or of the process that a LocalProvider has started.
        """

    def scale_out_facade(self, n: int) -> list[str]:
        """Submit blocks, as Parsl's scaling asks for."""
        blocks = super().scale_out_facade(n)
        for block in blocks:
            self.block_submitted(block, str(self.blocks_to_job_id[block]))
        return blocks

    def submit_initial_blocks(self) -> None:
        """Submit the initial blocks now; Parsl's scaling submits no more on its own account."""
        provider: Any = self.provider
        self.scale_out_facade(provider.init_blocks)
        provider.init_blocks = 0


def jobs_left(provider: PBSProProvider | LocalProvider) -> list[str]:
    """The jobs of a provider that have not ended, as far as Parsl knows."""
    jobs = provider.resources.items()
    return [str(job) for job, entry in jobs if not entry["status"].terminal]
