"""The lines that a run prints at its beginning and at its end."""

from typing import Any

import pytest

from polaris_parsl.configuration.blocks.lines import Lines
from polaris_parsl.configuration.blocks.report import Report

COUNTS: dict[str, Any] = {
    "tasks": 6,
    "unfinished": 0,
    "states": {"exec_done": 3, "memo_done": 2, "failed": 1},
    "from_checkpoints": 2,
}


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def report(said: list[str], monkeypatch: pytest.MonkeyPatch) -> Report:
    lines = Lines()
    monkeypatch.setattr(lines, "say", said.append)
    return Report(lines)


def test_the_beginning_says_where_the_logs_are_and_what_earlier_runs_left(
    report: Report, said: list[str]
) -> None:
    report.results_were_left(12)
    report.begin("runs/003")
    report.begin("runs/003")
    assert said == ["the logs of this run are in runs/003; earlier runs have left 12 results"]


def test_the_end_says_from_which_runs_results_were_taken_and_which_were_left(
    report: Report, said: list[str]
) -> None:
    report.results_were_found({"000": 40, "001": 2}, {"simulate": 3})
    report.say(COUNTS)
    assert said[0].startswith("5 of 6 tasks done, 2 of them from checkpoints, 1 failed")
    assert said[1:] == [
        "taken from checkpoints: 40 of run 000, 2 of run 001",
        "results of other code were left and computed again: 3 of simulate",
    ]


def test_no_block_is_said_to_have_run_only_where_nothing_was_computed(
    report: Report, said: list[str]
) -> None:
    report.say(COUNTS)
    assert said[0].endswith("1 failed")
    said.clear()
    found = Report(report._lines)
    found.say({**COUNTS, "tasks": 2, "states": {"memo_done": 2}})
    assert said[0].endswith("0 blocks ran, 0.00 node-hours")
    said.clear()
    ran = Report(report._lines)
    ran.block_ended(nodes=2, seconds=1800)
    ran.say(COUNTS)
    assert said[0].endswith("1 block ran, 1.00 node-hours")


def test_results_of_many_runs_are_counted_together(report: Report, said: list[str]) -> None:
    report.results_were_found({f"{number:03}": 2 for number in range(200)}, {})
    report.say(COUNTS)
    assert said[1:] == ["taken from checkpoints: 400 results of 200 earlier runs"]


def test_the_first_error_of_a_task_is_shown_with_what_the_task_wrote(
    report: Report, said: list[str]
) -> None:
    error = ValueError("exit code 3")
    error.add_note("its standard error ends with:\nno such licence")
    report.task_failed(7, "simulate", error)
    report.task_failed(8, "simulate", ValueError("another"))
    report.say(COUNTS)
    (line,) = said[1:]
    assert line == (
        "first error: task 7 (simulate): ValueError: exit code 3\n"
        "its standard error ends with:\nno such licence"
    )
