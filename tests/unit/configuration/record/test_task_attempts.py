"""The record of tasks: one line for each attempt."""

import json
import threading
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from parsl.executors.high_throughput.errors import WorkerLost

from polaris_parsl.configuration.blocks.losses import Loss
from polaris_parsl.configuration.record.run_record import FOLDER, RunRecord
from polaris_parsl.configuration.record.task_attempts import TASKS, Attempt, Attempts
from polaris_parsl.errors import PolarisParslWarning

PLACE = ("0", "pool", "1", "n1", "1", "0-7", "")
WHEN = datetime(2026, 11, 28, 12, 0, 0, 250_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / TASKS


@pytest.fixture
def attempts(path: Path) -> Any:
    made = Attempts(lambda error: pytest.fail(str(error)))
    made.write_to(path)
    yield made
    made.close()


def task(number: int, attempt: int = 0, app: str = "square") -> dict[str, Any]:
    """Parsl's record of a task."""
    return {
        "id": number, "func_name": app, "executor": "gpu", "try_id": attempt,
        "time_invoked": WHEN, "try_time_launched": WHEN,
    }  # fmt: skip


def launched(attempts: Attempts) -> Attempt:
    assert attempts.launching
    return attempts.launching


def lines(path: Path, key: str) -> list[dict[str, Any]]:
    """The lines whose first key is this one."""
    read = [json.loads(line) for line in path.read_text().splitlines()]
    return [each for each in read if next(iter(each)) == key]


def test_a_line_says_when_and_where_a_task_ran(attempts: Attempts, path: Path) -> None:
    attempts.begin(task(0))
    launched(attempts).measured(WHEN.timestamp() + 5, WHEN.timestamp() + 7.5, PLACE)
    attempts.end(task(0), "exec_done", from_checkpoint=False)
    attempts.close()
    (line,), (worker,) = lines(path, "task"), lines(path, "worker")
    assert (line["app"], line["result"]) == ("square", "computed")
    assert line["launched"] == line["submitted"] == WHEN.timestamp()
    assert (line["start"] - line["launched"], line["end"] - line["start"]) == (5, 2.5)
    assert worker == {
        "worker": line["worker"], "executor": "gpu", "block": "0", "pool": "pool", "number": "1",
        "host": "n1", "gpu": "1", "cpus": "0-7",
    }  # fmt: skip


def test_workers_and_reasons_are_written_once_and_a_task_takes_300_bytes_at_most(
    attempts: Attempts, path: Path
) -> None:
    for number in range(1000):
        attempts.begin(task(number, app="a" * 200))
        launched(attempts).measured(1e9, 2e9, PLACE)
        attempts.failed(number, ValueError("the same"))
        attempts.end(task(number), "failed", from_checkpoint=False)
    attempts.close()
    assert len(lines(path, "worker")) == len(lines(path, "reason")) == 1
    assert path.stat().st_size / 1000 <= 300


def test_tasks_that_have_begun_are_in_it_before_they_end(attempts: Attempts, path: Path) -> None:
    for number in (0, 1, 2, 5):
        attempts.begin(task(number))
    attempts.flush()
    (begun,) = lines(path, "begun")
    assert (begun["begun"], begun["app"]) == ([[0, 2], [5, 5]], "square")


def test_each_attempt_of_a_task_that_fails_is_a_line_with_its_reason(
    attempts: Attempts, path: Path
) -> None:
    attempts.begin(task(0))
    launched(attempts).measured(1.0, 2.0, PLACE)
    attempts.failed(0, ValueError("no such file"))
    attempts.begin(task(0, attempt=1))
    attempts.failed(0, ValueError("no such file"))
    attempts.failed(0, RuntimeError("what Parsl made of it"))
    attempts.end(task(0, attempt=1), "failed", from_checkpoint=False)
    attempts.close()
    first, second = lines(path, "task")
    assert (first["result"], first["runs_again"], first["end"]) == ("failed", True, 2.0)
    assert (second["result"], second["try"], second.get("runs_again")) == ("failed", 1, None)
    assert first["reason"] == second["reason"]
    assert lines(path, "reason") == [
        {"reason": 0, "error": "ValueError", "message": "no such file"}
    ]


def test_an_attempt_that_was_lost_with_its_node_says_so(attempts: Attempts, path: Path) -> None:
    attempts.begin(task(0))
    attempts.lost(Loss(0, "square", "gpu", "3", "n7", 60.0), "cut off by the walltime of 1:00:00")
    attempts.begin(task(0))
    attempts.end(task(0), "exec_done", from_checkpoint=False)
    attempts.close()
    lost, done = lines(path, "task")
    (worker,), (reason,) = lines(path, "worker"), lines(path, "reason")
    assert (lost["result"], done["result"]) == ("lost", "computed")
    assert lost["end"] - lost["start"] == pytest.approx(60)
    assert (worker["block"], worker["host"]) == ("3", "n7")
    assert reason["message"] == "cut off by the walltime of 1:00:00"


def test_a_killed_worker_is_the_one_that_ran_tasks_before(attempts: Attempts, path: Path) -> None:
    attempts.begin(task(0))
    launched(attempts).measured(1.0, 2.0, PLACE)
    attempts.end(task(0), "exec_done", from_checkpoint=False)
    attempts.flush()
    attempts.begin(task(1))
    attempts.failed(1, WorkerLost(1, "n1"))
    attempts.end(task(1), "failed", from_checkpoint=False)
    attempts.close()
    first, killed = lines(path, "task")
    assert first["worker"] == killed["worker"]


@pytest.mark.parametrize(
    ("state", "from_checkpoint", "result"),
    [
        ("exec_done", False, "computed"),
        ("memo_done", True, "from checkpoint"),
        ("memo_done", False, "remembered"),
        ("dep_fail", False, "not run"),
        ("failed", False, "failed"),
    ],
)
def test_each_way_to_end_has_its_word(
    attempts: Attempts, path: Path, state: str, from_checkpoint: bool, result: str
) -> None:
    attempts.end(task(0), state, from_checkpoint=from_checkpoint)
    attempts.close()
    assert [each["result"] for each in lines(path, "task")] == [result]


def test_of_very_many_different_messages_the_kinds_of_error_are_kept(
    attempts: Attempts, path: Path
) -> None:
    for number in range(3000):
        attempts.begin(task(number))
        attempts.failed(number, ValueError(f"{number} " + "x" * 5000))
        attempts.end(task(number), "failed", from_checkpoint=False)
    attempts.close()
    reasons = lines(path, "reason")
    assert len(reasons) == 1001
    assert max(len(each["message"]) for each in reasons) == 1000
    assert reasons[-1] == {"reason": 1000, "error": "ValueError", "message": ""}


def test_a_full_disk_is_said_once_and_the_run_goes_on(tmp_path: Path) -> None:
    record = RunRecord({})
    record.count_tasks_of(tmp_path)
    record.begin(tmp_path, "id")
    record.executor_starts("gpu", "blocks")
    (tmp_path / FOLDER / TASKS).unlink()
    (tmp_path / FOLDER / TASKS).mkdir()  # cannot be opened as a file, for root neither
    record.attempts.begin(task(0))
    with pytest.warns(PolarisParslWarning, match="cannot write the record of tasks"):
        record.attempts.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        record.attempts.begin(task(1))
        record.executor_ends("gpu")


def test_without_the_option_no_task_is_kept(tmp_path: Path) -> None:
    record = RunRecord({}, keeps_tasks=False)
    record.count_tasks_of(tmp_path)
    record.begin(tmp_path, "id")
    record.executor_starts("gpu", "blocks")
    record.attempts.begin(task(0))
    assert record.attempts.launching is None
    record.attempts.end(task(0), "exec_done", from_checkpoint=False)
    record.executor_ends("gpu")
    assert not (tmp_path / FOLDER / TASKS).exists()


def test_another_thread_launches_nothing_of_this_one(attempts: Attempts) -> None:
    attempts.begin(task(0))
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.append(attempts.launching))
    thread.start()
    thread.join()
    assert (seen, launched(attempts).task) == ([None], 0)
