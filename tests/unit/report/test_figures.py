"""What is computed of a run."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.report.advice import advice
from polaris_parsl.report.environment import rows_of
from polaris_parsl.report.figures import figures_of
from polaris_parsl.report.reading import read_run
from runs import BEGAN, attempt, beginning, block, event, usual_run, worker, write_run

NOW = BEGAN + 1000


def figures(folder: Path) -> dict[str, Any]:
    return figures_of(read_run(folder), NOW)


@pytest.fixture
def usual(tmp_path: Path) -> dict[str, Any]:
    return figures(usual_run(tmp_path))


def test_tasks_are_counted_by_how_they_ended(usual: dict[str, Any]) -> None:
    tasks = usual["tasks"]
    assert (tasks["in_all"], tasks["done"], tasks["failed"], tasks["not_run"]) == (45, 40, 3, 1)
    assert (tasks["unfinished"], tasks["retries"], tasks["lost_attempts"]) == (1, 2, 1)


def test_node_hours_are_used_wasted_or_idle(usual: dict[str, Any]) -> None:
    hours = usual["node_hours"]
    had = (400 - 61) + (400 - 101)
    used, wasted = 40 * 8 / 2, (8 + 3 + 80) / 2
    assert hours["in_all"] == pytest.approx(had / 3600)
    assert hours["used"] == pytest.approx(used / 3600)
    assert hours["wasted"] == pytest.approx(wasted / 3600)
    assert hours["idle"] == pytest.approx((had - used - wasted) / 3600)


def test_an_mpi_task_uses_all_its_nodes(tmp_path: Path) -> None:
    events = [
        beginning(),
        event("executor", 1, executor="gpu", nodes=4, workers=1),
        *block(0, 10, 100),
    ]
    tasks = [worker(0, "n0", "", nodes="n0,n1,n2"), attempt(0, 30, 40)]
    made = figures(write_run(tmp_path, events, tasks))
    assert made["node_hours"]["used"] == pytest.approx(30 / 3600)
    assert [each["node"] for each in made["timeline"]["lanes"]] == ["n0", "n1", "n2"]


def test_failures_are_grouped_by_cause_whatever_the_numbers_in_it(usual: dict[str, Any]) -> None:
    first = usual["failures"][0]
    assert (first["error"], first["attempts"], first["nodes"]) == ("ValueError", 3, {"n1": 3})
    assert first["message"] == "the mesh 17 has no cells"
    assert {each["error"] for each in usual["failures"]} == {"ValueError", "OSError", "lost"}


def test_a_block_says_how_long_it_waited_and_ran_and_why_it_ended(usual: dict[str, Any]) -> None:
    first, second = usual["blocks"]
    assert (first["waited"], first["ran"], first["cause"]) == (60, 339, "given back")
    assert (second["waited"], second["cause"], second["job"]) == (100, "walltime", "1.pbs")


def test_a_block_inside_a_job_works_from_its_start_to_the_end_of_its_executor(
    tmp_path: Path,
) -> None:
    events = [
        beginning(), event("executor", 1, executor="gpu", nodes=2, workers=4),
        event("block", 2, executor="gpu", block="0", job="77.pbs"), event("executor_end", 102, executor="gpu"),
    ]  # fmt: skip
    made = figures(write_run(tmp_path / "ended", events, []))
    assert made["node_hours"]["in_all"] == pytest.approx(200 / 3600)
    assert [(each["state"], each["cause"]) for each in made["blocks"]] == [
        ("ended", "its run ended")
    ]
    made = figures(write_run(tmp_path / "goes on", events[:-1], []))
    assert [each["state"] for each in made["blocks"]] == ["working"]


def test_no_task_lies_outside_of_its_block(tmp_path: Path) -> None:
    seen = {"executor": "gpu", "block": "0", "job": "1.pbs"}
    events = [
        beginning(), event("block_state", 1, **seen, state="queued"),
        event("block_state", 5, **seen, state="ended", cause="given back"),
    ]  # fmt: skip
    lost = attempt(2, 3, 90, result="lost")
    tasks = [worker(0, "n0", "0"), attempt(0, 2.5, 4), attempt(1, 4, 5.5), lost]
    (block,) = figures(write_run(tmp_path, events, tasks))["blocks"]
    assert (block["began"], block["worked"], block["ended"]) == (2.5, 2.5, 5.5)


def test_busy_workers_over_time_add_up_to_the_seconds_that_tasks_ran(usual: dict[str, Any]) -> None:
    timeline = usual["timeline"]
    seconds = sum(each["workers"] for each in timeline["busy"]) * timeline["width"]
    assert seconds == pytest.approx(40 * 8 + 8 + 3 + 80, rel=0.01)
    assert timeline["kind"] == "bars"


def test_of_very_many_tasks_the_timeline_has_shares_and_stays_small(tmp_path: Path) -> None:
    workers = [worker(each, f"n{each // 4}", str(each % 4)) for each in range(800)]
    tasks = [attempt(each, each / 100, each / 100 + 5, each % 800) for each in range(20_000)]
    timeline = figures(write_run(tmp_path, [beginning()], [*workers, *tasks]))["timeline"]
    assert timeline["kind"] == "shares"
    assert len(timeline["rows"]) <= 6000
    assert len(timeline["lanes"]) == 160
    assert timeline["lanes_in_all"] == 800
    assert all(0 <= each["share"] <= 1 for each in timeline["rows"])


@pytest.mark.parametrize(
    ("host", "process", "last", "state"),
    [
        (socket.gethostname(), os.getpid(), None, "goes on"),
        (socket.gethostname(), 2**22 + 1, None, "was cut short"),
        ("elsewhere", 1, None, "goes on, or was cut short"),
        ("elsewhere", 1, event("exit", 9), "was cut short"),
        ("elsewhere", 1, event("executor_end", 9, executor="gpu"), "ended"),
    ],
    ids=["here", "its process is gone", "on another host", "Python ended", "shut down"],
)
def test_a_run_is_over_or_goes_on_as_far_as_is_known(
    tmp_path: Path, host: str, process: int, last: Any, state: str
) -> None:
    events = [{**beginning(host=host, process=process), "time": "2100-01-01T00:00:00+00:00"}]
    events.append(event("executor", 1, executor="gpu"))
    made = figures(write_run(tmp_path, [*events, *([last] if last else [])], None))
    assert made["state"] == state


def test_a_run_without_a_record_of_tasks_has_the_figures_of_its_blocks(tmp_path: Path) -> None:
    events = [beginning(), event("tasks", 5, tasks=7, unfinished=2), *block(0, 10, 100)]
    made = figures(write_run(tmp_path, events, None))
    assert (made["tasks"]["in_all"], made["tasks"]["done"]) == (7, None)
    assert made["blocks"][0]["ran"] == 89
    assert advice(made) == []


def test_advice_follows_from_the_figures(usual: dict[str, Any]) -> None:
    said = "\n".join(advice(usual))
    assert "workers waited" in said
    assert "the walltime cut off 1 attempt:" in said
    assert "3 of 3 failures with ValueError were on n1" in said
    assert "1 task had not ended" in said


def test_nothing_is_advised_where_nothing_stands_out(tmp_path: Path) -> None:
    events = [
        beginning(), event("executor", 1, executor="gpu", nodes=1, workers=1), *block(0, 10, 1000),
        event("executor_end", 1000, executor="gpu"),
    ]  # fmt: skip
    tasks = [{"begun": [[0, 0]], "app": "simulate"}, worker(0, "n0", "0"), attempt(0, 30, 990)]
    assert advice(figures(write_run(tmp_path, events, tasks))) == []


def test_the_environment_has_versions_base_locks_drift_and_pins(tmp_path: Path) -> None:
    install = {
        "root": "/eagle/P/versions/2026.11.1", "locks": {"overlay.lock": "cbbc952eab5f55a6"},
        "base_module": "conda/2026-08", "drift": ["numpy of the base: 2.1.0 -> 2.2.0"],
    }  # fmt: skip
    write_run(tmp_path, [beginning(python="3.11.7", base="/soft/base", install=install)], [])
    (tmp_path / "polaris_parsl" / "pins.jsonl").write_text(
        '{"time": "2026-11-28", "bundle": "/home/you/paper", "sha256": "f00d"}\n'
    )
    made = figures(tmp_path)
    environment = made["environment"]
    assert (environment["python"], environment["base"]) == ("3.11.7", "/soft/base")
    assert environment["install"] == "/eagle/P/versions/2026.11.1"
    assert environment["drift"] == ["numpy of the base: 2.1.0 -> 2.2.0"]
    assert environment["pins"][0]["bundle"] == "/home/you/paper"
    said = "\n".join(made["advice"])
    assert "differed from its receipt in 1 place when the run began, as numpy of the base" in said
    words = dict(rows_of(environment))
    assert words["module of the base"] == "conda/2026-08"
    assert words["locks"] == "overlay.lock cbbc952eab5f"
    assert words["pin"] == "/home/you/paper, sha256 f00d, of 2026-11-28"


@pytest.mark.parametrize(
    ("install", "words"),
    [
        (None, "not known: no install ran it"),
        ({"root": "/p", "drift": None}, "not known: its receipt could not be read"),
        ({"root": "/p", "drift": []}, "none: base and overlay were as"),
        (7, "not known"),
        ({"root": 7, "locks": [1], "drift": {"a": 1}}, "not known"),
    ],
)
def test_drift_that_is_not_known_is_not_called_none(
    tmp_path: Path, install: Any, words: str
) -> None:
    made = figures(write_run(tmp_path, [beginning(install=install)], []))
    assert dict(rows_of(made["environment"]))["drift"].startswith(words)
