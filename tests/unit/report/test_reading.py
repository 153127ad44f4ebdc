"""The record of a run, read whatever is in it."""

import os
from pathlib import Path

import pytest

from polaris_parsl.errors import RunError
from polaris_parsl.report import reading
from polaris_parsl.report.reading import find_run, read_run
from runs import BEGAN, attempt, beginning, event, usual_run, worker, write_run


def test_all_of_a_run_is_read(tmp_path: Path) -> None:
    history = read_run(usual_run(tmp_path))
    assert len(history.attempts) == 46
    assert history.begun.total() == 44
    assert history.workers[3].host == "n1"
    assert history.reasons[0].message == "no space left"
    assert history.problems == []


def test_of_a_directory_of_runs_the_newest_with_a_record_is_read(tmp_path: Path) -> None:
    for name in ("000", "009", "010"):
        usual_run(tmp_path / name)
    (tmp_path / "011").mkdir()
    assert find_run(tmp_path) == tmp_path / "010"


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ([], "is no run directory of Parsl"),
        (["parsl.log"], "has no record"),
        (["000/parsl.log"], "has no record"),
        (None, "there is no directory"),
    ],
)
def test_what_is_no_run_is_refused_with_the_reason(
    tmp_path: Path, made: list[str] | None, words: str
) -> None:
    folder = tmp_path / "runinfo"
    for name in made or []:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    if made == []:
        folder.mkdir()
    with pytest.raises(RunError, match=words):
        read_run(folder)


def test_a_record_that_is_half_written_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    usual_run(tmp_path)
    file = tmp_path / "polaris_parsl" / "tasks.jsonl"
    os.truncate(file, file.stat().st_size - 20)
    history = read_run(tmp_path)
    assert len(history.attempts) == 45
    assert history.problems == []


@pytest.mark.parametrize(
    "line",
    ["no JSON", "[1, 2]", "{}", "7", "[" * 100_000, '{"task": NaN}', '{"task": true, "result": "x"}',
     '{"task": -1, "result": "x"}', '{"task": 1, "result": {}}'],
)  # fmt: skip
def test_lines_of_others_are_left_out_and_counted(tmp_path: Path, line: str) -> None:
    write_run(tmp_path, [beginning()], [{"format": 1}, line, attempt(0, 1, 2)])
    history = read_run(tmp_path)
    assert len(history.attempts) == 1
    assert any(each.startswith("1 lines of tasks.jsonl") for each in history.problems)


def test_values_of_another_kind_count_as_not_known(tmp_path: Path) -> None:
    strange = {"start": "soon", "end": 1e300, "worker": "one", "reason": [1], "try": None, "app": 7}
    write_run(
        tmp_path, [beginning()], [{**attempt(0, 1, 2), **strange}, {"begun": [[1], "a", [5, 3]]}]
    )
    (only,) = read_run(tmp_path).attempts
    assert (only.start, only.end, only.worker, only.reason, only.app) == (
        None,
        None,
        None,
        None,
        "",
    )


def test_a_line_of_any_length_takes_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_LINE_BYTES", 1000)
    write_run(tmp_path, [beginning()], [attempt(0, 1, 2), "x" * 5000, attempt(1, 1, 2)])
    history = read_run(tmp_path)
    assert [each.task for each in history.attempts] == [0, 1]
    assert history.problems


def test_of_too_many_lines_the_first_are_read_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LINES", 3)
    write_run(tmp_path, [beginning()], [attempt(each, 1, 2) for each in range(5)])
    history = read_run(tmp_path)
    assert len(history.attempts) == 3
    assert "more than 3 lines" in history.problems[0]


def test_a_clock_that_went_back_is_said(tmp_path: Path) -> None:
    write_run(tmp_path, [beginning()], [worker(0, "n0", "0"), attempt(0, 5, 2)])
    history = read_run(tmp_path)
    assert history.attempts[0].seconds == 0
    assert "a clock went back" in history.problems[0]


def test_a_record_of_a_later_format_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path, [beginning(format=7)], None)
    with pytest.raises(RunError, match="has format 7"):
        read_run(tmp_path)


def test_a_record_without_its_first_line_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path, [event("executor", 1, executor="gpu")], None)
    with pytest.raises(RunError, match="does not say that a run began"):
        read_run(tmp_path)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_refused_and_does_not_hang(tmp_path: Path, make: object) -> None:
    write_run(tmp_path, [beginning()], None)
    assert callable(make)
    make(tmp_path / "polaris_parsl" / "tasks.jsonl")
    with pytest.raises(RunError, match=r"is no file|Is a directory"):
        read_run(tmp_path)


def test_times_are_seconds_since_1970(tmp_path: Path) -> None:
    write_run(tmp_path, [beginning()], [attempt(0, 5, 7)])
    assert read_run(tmp_path).attempts[0].start == BEGAN + 5
