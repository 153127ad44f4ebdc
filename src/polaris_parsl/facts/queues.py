"""A queue as the facts file describes it."""

import dataclasses
import datetime
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, replace
from typing import Any

from polaris_parsl.facts.conflicting_sources import ConflictingSource, conflicting_sources_of
from polaris_parsl.facts.tables import Table

# Jobs of one "user" or "project", count.
Jobs = Mapping[str, int]
_LIMITS_OF_JOBS = ("max_run", "max_queued", "queued_jobs_threshold")


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A PBS queue; limits of jobs have PBS's names.

    Attributes:
        nodes_min: nodes of one job, count.
        nodes_max: nodes of one job, count.
        nodes_recommended_max: ALCF's advice for the nodes of one job, from and to.
        walltime_min_minutes: of one job.
        walltime_max_minutes: of one job.
        max_run: jobs that run at the same time.
        max_queued: jobs in the queue, running or not.
        queued_jobs_threshold: jobs in the queue that do not run.
        nodes_in_use_max: nodes that all jobs of the queue have together, count.
        routes_to: queues that jobs go on to; a job that fits none of them is lost.
        only_by_routing: whether users cannot submit to it.
        negative_balance: whether it is for projects that have used up their allocation.
        preemptible: whether a job may be killed for another one.
        by_request: whether ALCF opens it on request only.
        source: where this is written.
        checked: day on which a person read it.
        conflicting_sources: where other sources state other values.
    """

    name: str
    nodes_min: int
    nodes_max: int
    nodes_recommended_max: tuple[int, int] | None = None
    walltime_min_minutes: int
    walltime_max_minutes: int
    max_run: Jobs = field(default_factory=dict)
    max_queued: Jobs = field(default_factory=dict)
    queued_jobs_threshold: Jobs = field(default_factory=dict)
    nodes_in_use_max: int | None = None
    routes_to: tuple[str, ...] = ()
    only_by_routing: bool = False
    negative_balance: bool = False
    preemptible: bool = False
    by_request: bool = False
    source: str
    checked: datetime.date
    conflicting_sources: tuple[ConflictingSource, ...]

    @property
    def walltime_min(self) -> datetime.timedelta:
        """The shortest walltime of a job."""
        return datetime.timedelta(minutes=self.walltime_min_minutes)

    @property
    def walltime_max(self) -> datetime.timedelta:
        """The longest walltime of a job."""
        return datetime.timedelta(minutes=self.walltime_max_minutes)

    def takes(
        self,
        nodes: int,
        walltime: datetime.timedelta,
        *,
        shortest: datetime.timedelta | None = None,
    ) -> bool:
        """Whether a job of this size and length is within the queue's own limits.

        Args:
            nodes: count.
            walltime: length of the job.
            shortest: the least walltime, where it is lower than the queue's.
        """
        least = self.walltime_min if shortest is None else min(self.walltime_min, shortest)
        fits_length = least <= walltime <= self.walltime_max
        return self.nodes_min <= nodes <= self.nodes_max and fits_length

    @property
    def citation(self) -> str:
        """Where the limits are written, and when that was read."""
        return f"[{self.source}, read {self.checked}]"

    @property
    def jobs_held(self) -> dict[str, int]:
        """Jobs that the queue holds of a user and of a project; PBS refuses the next."""
        held = dict(self.max_queued)
        for scope in self.max_run.keys() & self.queued_jobs_threshold.keys():
            both = self.max_run[scope] + self.queued_jobs_threshold[scope]
            held[scope] = min(both, held.get(scope, both))
        return held

    def according_to(self, conflict: ConflictingSource) -> "Queue":
        """The queue as another source describes it."""
        changed: dict[str, Any] = {conflict.fact: conflict.other}
        return replace(self, **changed)

    @property
    def conflicts_about_jobs(self) -> tuple[ConflictingSource, ...]:
        """The sources that conflict about limits of jobs."""
        return tuple(each for each in self.conflicting_sources if each.fact in _LIMITS_OF_JOBS)

    @property
    def conflicts_about_sizes(self) -> tuple[ConflictingSource, ...]:
        """The sources that conflict about the nodes and the walltime of a job."""
        return tuple(each for each in self.conflicting_sources if each.fact not in _LIMITS_OF_JOBS)


def read_queue(name: str, table: Table) -> Queue:
    """A queue from its table; polaris.schema.json says what may stand there.

    Raises:
        FactsError: the table lacks a fact, or has one that no queue has.
    """
    wanted = {each.name for each in dataclasses.fields(Queue)} - {"name"}
    for each in dataclasses.fields(Queue):
        has_default = each.default is not MISSING or each.default_factory is not MISSING
        if not has_default and each.name in wanted - {"conflicting_sources"}:
            _ = table[each.name]  # or the table says that it is missing
    for key in table.keys() - wanted:
        table.refuse(f"{key} is not known")
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in table.items()
        if key != "conflicting_sources"
    }
    return Queue(name=name, conflicting_sources=conflicting_sources_of(table), **fields)
