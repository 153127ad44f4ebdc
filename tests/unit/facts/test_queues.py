import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.facts.queues import Queue, read_queue
from polaris_parsl.facts.tables import Table

TABLE: dict[str, Any] = {
    "nodes_min": 2,
    "nodes_max": 4,
    "walltime_min_minutes": 5,
    "walltime_max_minutes": 60,
    "source": "a page",
    "checked": datetime.date(2026, 11, 22),
}


def queue(**fields: Any) -> Queue:
    return read_queue("demo", Table({**TABLE, **fields}, Path("polaris.toml"), "queue.demo"))


@pytest.mark.parametrize(
    ("nodes", "seconds", "taken"),
    [(2, 300, True), (4, 3600, True), (1, 300, False), (5, 300, False), (2, 299, False),
     (2, 3601, False)],
)  # fmt: skip
def test_a_queue_takes_what_is_within_its_limits_and_these_themselves(
    nodes: int, seconds: int, taken: bool
) -> None:
    assert queue().takes(nodes, timedelta(seconds=seconds)) is taken


def test_the_shortest_walltime_can_be_lowered_and_not_raised() -> None:
    short, usual, long = (timedelta(seconds=each) for each in (10, 300, 600))
    assert queue().takes(2, short, shortest=short)
    assert queue().takes(2, usual, shortest=long)


@pytest.mark.parametrize(
    ("limits", "held"),
    [
        ({}, {}),
        ({"max_run": {"user": 1}}, {}),
        ({"max_queued": {"project": 20}}, {"project": 20}),
        ({"max_run": {"user": 1}, "queued_jobs_threshold": {"user": 2}}, {"user": 3}),
        ({"max_run": {"user": 1}, "queued_jobs_threshold": {"project": 2}}, {}),
        (
            {
                "max_run": {"user": 2},
                "queued_jobs_threshold": {"user": 2},
                "max_queued": {"user": 3, "project": 9},
            },
            {"user": 3, "project": 9},
        ),
    ],
    ids=["nothing", "run", "queued", "both", "of others", "all"],
)
def test_a_queue_holds_what_may_run_and_what_may_wait(
    limits: dict[str, Any], held: dict[str, int]
) -> None:
    assert queue(**limits).jobs_held == held


def test_a_conflicting_source_gives_the_queue_of_the_other_source() -> None:
    entry = {"fact": "nodes_max", "other": 8, "why": "it is older", **TABLE}
    names = ("fact", "other", "source", "checked", "why")
    found = queue(conflicting_sources=[{name: entry[name] for name in names}])
    (conflict,) = found.conflicts_about_sizes
    assert found.conflicts_about_jobs == ()
    assert found.according_to(conflict).takes(8, timedelta(minutes=5))
    assert not found.takes(8, timedelta(minutes=5))


def test_lists_become_tuples() -> None:
    assert queue(routes_to=["small"]).routes_to == ("small",)
    assert queue().citation == "[a page, read 2026-11-22]"
