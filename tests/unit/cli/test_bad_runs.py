"""`report`, `status` and `runs` on what is no whole run: clear words, and as much as can be shown."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.cli.report import report
from polaris_parsl.cli.runs import runs
from polaris_parsl.cli.status import status
from polaris_parsl.errors import RunError
from runs import BEGAN, attempt, beginning, block, event, usual_run, worker, write_run

Captured = pytest.CaptureFixture[str]
Made = Callable[[Path], Any]
EVIL = "</td><script>alert(1)</script>\x1b[2J\x1b]0;title\x07\u202e\nadvice: pay"


def nothing(folder: Path) -> None:
    folder.mkdir()


def of_plain_parsl(folder: Path) -> None:
    folder.mkdir()
    (folder / "parsl.log").write_text("2026-11-28 Parsl version: 2024.1.1\n")


def begun_only(folder: Path) -> None:
    write_run(folder, ['{"event": "ru'], None)


def of_later_format(folder: Path) -> None:
    write_run(folder, [beginning(format=99)], [])


def a_pipe(folder: Path) -> None:
    (folder / "polaris_parsl").mkdir(parents=True)
    os.mkfifo(folder / "polaris_parsl" / "run.jsonl")


REFUSED: dict[str, tuple[Made, str, str]] = {
    "no run": (nothing, "is no run directory of Parsl", "not readable"),
    "from another Parsl": (of_plain_parsl, "has no record", "no record"),
    "its first line was cut short": (begun_only, "does not say that a run began", "not readable"),
    "of a later format": (of_later_format, "has format 99", "not readable"),
    "a pipe": (a_pipe, "is no file", "not readable"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_run_is_refused_by_each_form_and_listed_with_the_reason(
    kind: str, tmp_path: Path, capsys: Captured
) -> None:
    make, words, listed = REFUSED[kind]
    folder = tmp_path / "runinfo" / "000"
    folder.parent.mkdir()
    make(folder)
    shows: list[Callable[[], None]] = [
        lambda: report([folder], output=tmp_path / "page.html"),
        lambda: report([folder], as_text=True),
        lambda: report([folder], as_json=True),
        lambda: status(folder, once=True),
        lambda: status(folder, as_json=True),
    ]
    for show in shows:
        with pytest.raises(RunError, match=words) as refused:
            show()
        assert refused.value.remedy
    assert not (tmp_path / "page.html").exists()
    runs(folder.parent)
    assert listed in capsys.readouterr().out


def half_written(folder: Path) -> None:
    usual_run(folder)
    for name in ("run.jsonl", "tasks.jsonl"):
        file = folder / "polaris_parsl" / name
        os.truncate(file, file.stat().st_size * 2 // 3)


def going_on(folder: Path) -> None:
    events = [beginning(host="elsewhere"), event("executor", 1, executor="gpu", nodes=1, workers=2)]
    tasks = [{"begun": [[0, 9]], "app": "simulate"}, worker(0, "n0", "0"), attempt(0, 20, 21)]
    write_run(folder, [*events, *block(0, 5, 0)[:3]], tasks)


def with_a_clock_that_went_back(folder: Path) -> None:
    back = [attempt(1, 50, 40), attempt(2, -2000, -1990, launched=BEGAN + 90, submitted=BEGAN + 99)]
    events = [beginning(), event("executor", -900, executor="gpu"), *block(0, 60, 20)]
    write_run(folder, events, [worker(0, "n0", "0"), attempt(0, 20, 21), *back])


def with_evil_names(folder: Path) -> None:
    events = [
        beginning(workflow=EVIL, host=EVIL, install={"root": EVIL, "drift": [EVIL], "locks": {EVIL: EVIL}}),
        event("executor", 1, executor=EVIL, walltime=EVIL),
        *block(0, 5, 60, cause=EVIL),
        event("block", 9, executor=EVIL, block=EVIL, job=EVIL),
    ]  # fmt: skip
    tasks = [
        worker(0, EVIL, EVIL), {"reason": 0, "error": EVIL, "message": EVIL},
        attempt(0, 1, 2, app=EVIL, result="failed", reason=0), {"begun": [[0, 5]], "app": EVIL},
    ]  # fmt: skip
    write_run(folder, events, tasks)
    pin = {"bundle": EVIL, "sha256": EVIL, "time": EVIL}
    (folder / "polaris_parsl" / "pins.jsonl").write_text(json.dumps(pin) + "\n")


def of_strange_values(folder: Path) -> None:
    strange: list[Any] = [None, True, -1, 1e308, "x", [], {}, [[1]], {"a": {}}]
    events = [beginning()]
    for value in strange:
        names = (
            "executor",
            "block",
            "job",
            "state",
            "nodes",
            "workers",
            "walltime",
            "cause",
            "what",
        )
        kinds = ("executor", "block", "block_state", "tasks", "executor_end")
        events += [event(kind, 1, **dict.fromkeys(names, value)) for kind in kinds]
        events.append({"event": "tasks", "time": value, "tasks": value, "states": value})
    keys = ("app", "start", "end", "launched", "worker", "reason", "try", "executor")
    tasks = [{"task": 1, "result": "failed", **dict.fromkeys(keys, value)} for value in strange]
    write_run(folder, events, tasks)


PARTIAL: dict[str, tuple[Made, str]] = {
    "half-written": (half_written, "simulate"),
    "still running": (going_on, "goes on, or was cut short"),
    "a clock that went back": (with_a_clock_that_went_back, "a clock went back"),
    "names with HTML and escapes": (with_evil_names, "alert(1)"),
    "values of other kinds": (of_strange_values, "ended"),
}


@pytest.fixture(params=PARTIAL)
def partial(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    make, words = PARTIAL[request.param]
    make(tmp_path / "runinfo" / "000")
    return tmp_path / "runinfo" / "000", words


def test_of_a_run_that_is_not_whole_each_form_shows_what_there_is(
    partial: tuple[Path, str], tmp_path: Path, capsys: Captured
) -> None:
    folder, words = partial
    report([folder], output=tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert words in page.replace("&lt;", "<").replace("&gt;", ">")
    assert "<script>alert" not in page
    assert "\x1b" not in page
    capsys.readouterr()
    shows: list[Callable[[], None]] = [
        lambda: report([folder], as_text=True),
        lambda: status(folder, once=True),
        lambda: runs(folder.parent),
    ]
    for show in shows:
        show()
        printed = capsys.readouterr().out
        assert "000" in printed
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", printed)
        assert not re.search(r"^advice: pay", printed, re.MULTILINE)
    reads: list[Callable[[], None]] = [
        lambda: report([folder], as_json=True),
        lambda: status(folder, as_json=True),
        lambda: runs(folder.parent, as_json=True),
    ]
    for read in reads:
        read()
        assert json.loads(capsys.readouterr().out)


def test_two_runs_that_are_not_whole_stand_side_by_side(
    partial: tuple[Path, str], tmp_path: Path, capsys: Captured
) -> None:
    folder, _ = partial
    report([folder, folder], output=tmp_path / "page.html")
    report([folder, folder], as_text=True)
    assert capsys.readouterr().out.count("000") >= 2
