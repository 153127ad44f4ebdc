"""How a run stands, and which runs there are."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.configuration.blocks.answers import JobAnswer, QstatAnswer
from polaris_parsl.errors import RunError
from polaris_parsl.report.as_text import table
from polaris_parsl.report.listing import list_runs, row_of
from polaris_parsl.report.now import alive_jobs, as_lines, block_rows, status_of
from polaris_parsl.report.reading import read_run
from runs import BEGAN, attempt, beginning, block, event, usual_run, worker, write_run


def going_on(folder: Path) -> Path:
    """A run on another host: 100 tasks, 40 done in 100 s, four workers, and a block that waits."""
    events = [
        beginning(host="elsewhere"),
        event("executor", 1, executor="gpu", nodes=1, workers=4, walltime="0:10:00"),
        *block(0, 10, 0)[:3],
        *block(1, 10, 0)[:1],
    ]
    tasks: list[Any] = [{"begun": [[0, 99]], "app": "simulate"}, worker(0, "n0", "0")]
    tasks += [attempt(each, 30 + each, 31 + each) for each in range(40)]
    return write_run(folder, events, tasks)


def test_tasks_are_done_running_or_waiting_and_the_end_is_estimated(tmp_path: Path) -> None:
    status = status_of(read_run(going_on(tmp_path)), BEGAN + 100)
    tasks = status["tasks"]
    assert (tasks["in_all"], tasks["done"], tasks["running"], tasks["waiting"]) == (100, 40, 4, 56)
    assert status["tasks_per_second"] == pytest.approx(0.4)
    assert status["seconds_left"] == 150


def test_the_next_end_of_a_walltime_and_what_it_cuts_is_said(tmp_path: Path) -> None:
    status = status_of(read_run(going_on(tmp_path)), BEGAN + 100)
    assert status["next_walltime"]["seconds"] == pytest.approx(11 + 600 - 100)
    assert "cuts off what then runs on its 4 workers" in "\n".join(as_lines(status))


def test_blocks_have_the_words_of_pbs_where_it_was_asked(tmp_path: Path) -> None:
    history = read_run(going_on(tmp_path))
    assert alive_jobs(history, BEGAN + 100) == ["0.pbs", "1.pbs"]
    said = QstatAnswer({"1.pbs": JobAnswer("Q", comment="Not enough free nodes")})
    rows = block_rows(status_of(history, BEGAN + 100, said))
    assert rows[2][3] == "queued (PBS: Q)"
    assert rows[2][5] == "Not enough free nodes"


def test_a_run_that_is_over_has_no_rate_and_no_workers(tmp_path: Path) -> None:
    status = status_of(read_run(usual_run(tmp_path)), BEGAN + 401)
    assert (status["state"], status["workers"], status["tasks_per_second"]) == ("ended", 0, 0)
    assert status["next_walltime"] is None


def test_a_walltime_of_others_counts_as_not_known(tmp_path: Path) -> None:
    events = [
        beginning(host="elsewhere"),
        event("executor", 1, executor="gpu", walltime="for ever"),
        *block(0, 10, 0)[:3],
    ]
    assert (
        status_of(read_run(write_run(tmp_path, events, [])), BEGAN + 100)["next_walltime"] is None
    )


def test_each_run_of_a_directory_is_a_row(tmp_path: Path) -> None:
    usual_run(tmp_path / "000")
    (tmp_path / "001").mkdir()
    write_run(tmp_path / "002", ["garbage"], None)
    events = [
        beginning(),
        event("tasks", 9, tasks=7, unfinished=0, states={"exec_done": 5, "failed": 2}),
        event("exit", 9),
    ]
    write_run(tmp_path / "003", events, None)
    rows = [row_of(each) for each in list_runs(tmp_path, BEGAN + 1000)]
    assert [row[0] for row in rows] == ["000", "001", "002", "003"]
    assert [row[3] for row in rows] == ["ended", "not readable", "not readable", "was cut short"]
    assert rows[3][4:6] == ["7", "2"]
    assert rows[0][7] == "0.18"


def test_the_tasks_of_listed_runs_are_not_read(tmp_path: Path) -> None:
    usual_run(tmp_path / "000")
    (tmp_path / "000" / "polaris_parsl" / "tasks.jsonl").unlink()
    (tmp_path / "000" / "polaris_parsl" / "tasks.jsonl").mkdir()
    assert list_runs(tmp_path, BEGAN + 1000)[0]["state"] == "ended"


def test_a_directory_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run directories"):
        list_runs(tmp_path, BEGAN)


# what `status` has to show, as its text and its JSON name it
NOUNS = {
    "block": (r"^gpu 0 ", "blocks.0.block"),
    "PBS state of a block": (r"queued \(PBS: Q\)", "blocks.1.pbs_state"),
    "reason of PBS": (r"Not enough free nodes", "blocks.1.pbs_comment"),
    "nodes": (r"nodes: 1;", "nodes"),
    "workers busy": (r"workers: 4, 4 busy", "workers_busy"),
    "tasks done": (r"40 of 100 done", "tasks.done"),
    "tasks running": (r"4 running", "tasks.running"),
    "tasks waiting": (r"56 waiting", "tasks.waiting"),
    "tasks failed": (r"0 failed", "tasks.failed"),
    "rate": (r"0.40 tasks a second", "tasks_per_second"),
    "estimate of the end": (r"2.5 min left", "seconds_left"),
    "what the next walltime end cuts": (r"cuts off what then runs on its 4 workers", "next_walltime.words"),
}  # fmt: skip


@pytest.mark.parametrize("noun", NOUNS)
def test_what_a_status_shows_is_in_its_text_and_in_json(tmp_path: Path, noun: str) -> None:
    said = QstatAnswer({"1.pbs": JobAnswer("Q", comment="Not enough free nodes")})
    status = status_of(read_run(going_on(tmp_path)), BEGAN + 100, said)
    text = "\n".join([*as_lines(status), *table(block_rows(status))])
    in_text, in_json = NOUNS[noun]
    assert re.search(in_text, text, re.MULTILINE)
    found: Any = json.loads(json.dumps(status))
    for part in in_json.split("."):
        found = found[int(part)] if isinstance(found, list) else found[part]
    assert found is not None


def test_a_run_on_a_clock_that_went_back_has_a_status(tmp_path: Path) -> None:
    status = status_of(read_run(going_on(tmp_path)), BEGAN - 5000)
    assert status["seconds"] >= 0
    assert status["tasks_per_second"] >= 0
    assert all(each["age"] >= 0 for each in status["blocks"])
