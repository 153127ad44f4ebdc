"""The record that a driver keeps of its run."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.configuration.record.run_record import FOLDER, RECORD, RunRecord
from polaris_parsl.errors import PolarisParslWarning

ID = "cd5c99ef"


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def record(tmp_path: Path, clock: Clock) -> RunRecord:
    """The record of a run in tmp_path that has begun, with one executor."""
    made = RunRecord({"explain.txt": "all of it\n"}, clock=clock)
    made.count_tasks_of(tmp_path)
    made.begin(tmp_path, ID)
    made.executor_starts("gpu", "blocks (no job is running)")
    return made


def events(folder: Path, *names: str) -> list[dict[str, Any]]:
    lines = (folder / FOLDER / RECORD).read_text().splitlines()
    read = [json.loads(line) for line in lines]
    return [each for each in read if not names or each["event"] in names]


def end_tasks(record: RunRecord, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        record.tasks.begin(number, "square")
        record.tasks.end(number, "square", "exec_done", from_checkpoint=False)
        record.task_ended()


def test_it_begins_with_what_runs_and_the_explanation_lies_beside_it(
    record: RunRecord, tmp_path: Path
) -> None:
    run, executor = events(tmp_path)
    assert (run["event"], run["format"], run["run_id"]) == ("run", 1, ID)
    assert run["process"] == os.getpid()
    assert run["counts_tasks"]
    assert (executor["executor"], executor["mode"]) == ("gpu", "blocks (no job is running)")
    assert (tmp_path / FOLDER / "explain.txt").read_text() == "all of it\n"
    record.executor_ends("gpu")


def test_each_block_is_a_line_with_its_job(record: RunRecord, tmp_path: Path) -> None:
    for number in range(3):
        record.block_submitted("gpu", str(number), f"{number}.pbs")
    record.executor_ends("gpu")
    blocks = events(tmp_path, "block")
    assert [(each["block"], each["job"]) for each in blocks] == [
        ("0", "0.pbs"), ("1", "1.pbs"), ("2", "2.pbs"),
    ]  # fmt: skip


def test_inside_a_job_a_block_belongs_to_that_job(tmp_path: Path) -> None:
    record = RunRecord({}, job="77.pbs")
    record.begin(tmp_path, ID)
    record.executor_starts("gpu", "inside_job (PBS_JOBID is set)")
    record.block_submitted("gpu", "0", "4242")
    record.executor_ends("gpu")
    (block,) = events(tmp_path, "block")
    assert block["job"] == "77.pbs"


def test_tasks_are_counted_once_however_they_end(record: RunRecord, tmp_path: Path) -> None:
    tasks = record.tasks
    tasks.begin(0, "square")
    tasks.begin(0, "square")  # a retry
    tasks.end(0, "square", "exec_done", from_checkpoint=False)
    tasks.begin(1, "square")
    tasks.end(1, "square", "memo_done", from_checkpoint=True)
    tasks.begin(2, "square")
    tasks.end(2, "square", "memo_done", from_checkpoint=False)  # the same call again
    tasks.end(3, "cube", "dep_fail", from_checkpoint=False)  # it never began
    tasks.begin(4, "cube")
    record.executor_ends("gpu")
    (counts,) = events(tmp_path, "tasks")
    assert counts["tasks"] == 5
    assert counts["unfinished"] == 1
    assert counts["states"] == {"exec_done": 1, "memo_done": 2, "dep_fail": 1}
    assert counts["from_checkpoints"] == 1
    assert counts["apps"] == {"square": 3, "cube": 2}


def test_the_first_task_that_ends_is_in_the_record_at_once(
    record: RunRecord, tmp_path: Path
) -> None:
    end_tasks(record, 1)
    assert [each["tasks"] for each in events(tmp_path, "tasks")] == [1]
    record.executor_ends("gpu")


@pytest.mark.parametrize(("hours", "most"), [(1, 60), (24, 95)])
def test_its_size_hardly_grows_with_tasks_and_time(
    record: RunRecord, clock: Clock, tmp_path: Path, hours: int, most: int
) -> None:
    for number in range(hours * 3600 // 5):
        clock.now += 5
        end_tasks(record, 1, number)
    assert 20 < len(events(tmp_path, "tasks")) <= most
    last = events(tmp_path, "tasks")[-1]["tasks"]
    assert last >= 0.9 * hours * 720 - 5
    record.executor_ends("gpu")


def test_at_the_end_all_tasks_are_in_it(record: RunRecord, tmp_path: Path) -> None:
    end_tasks(record, 100)
    record.executor_ends("gpu")
    assert events(tmp_path, "tasks")[-1]["tasks"] == 100
    assert events(tmp_path)[-1]["event"] == "executor_end"


def test_tasks_that_pass_by_another_memoizer_are_not_counted(tmp_path: Path) -> None:
    record = RunRecord({})
    record.begin(tmp_path, ID)
    record.executor_starts("gpu", "blocks ()")
    end_tasks(record, 2)
    record.executor_ends("gpu")
    assert not events(tmp_path)[0]["counts_tasks"]
    assert events(tmp_path, "tasks") == []


def test_executors_of_a_second_configuration_go_on_with_the_record_of_the_run(
    record: RunRecord, tmp_path: Path
) -> None:
    second = RunRecord({"explain.txt": "something else\n"})
    second.begin(tmp_path, ID)
    second.executor_starts("cpu", "blocks ()")
    for ended, label in ((second, "cpu"), (record, "gpu")):
        ended.executor_ends(label)
    assert len(events(tmp_path, "run")) == 1
    assert [each["executor"] for each in events(tmp_path, "executor")] == ["gpu", "cpu"]
    assert (tmp_path / FOLDER / "explain.txt").read_text() == "all of it\n"


def test_a_driver_that_ends_without_a_cleanup_says_so(record: RunRecord, tmp_path: Path) -> None:
    end_tasks(record, 10)
    record._exit()
    assert events(tmp_path)[-1]["event"] == "exit"
    assert events(tmp_path, "tasks")[-1]["tasks"] == 10
    record.executor_ends("gpu")


def test_a_process_that_the_driver_forked_writes_nothing(
    record: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "_process", os.getpid() + 1)
    record._exit()
    assert events(tmp_path, "exit") == []
    record.executor_ends("gpu")


@pytest.mark.parametrize("fails", [FOLDER, RECORD])
def test_a_record_that_cannot_be_written_gives_one_warning_and_stops_nothing(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mkdir", "open"):
        monkeypatch.setattr(Path, name, failing(getattr(Path, name), fails))
    record = RunRecord({})
    record.count_tasks_of(tmp_path)
    with pytest.warns(PolarisParslWarning, match="cannot write the record of this run.*No space"):
        record.begin(tmp_path, ID)
    # a second warning would be an error
    record.executor_starts("gpu", "blocks ()")
    end_tasks(record, 3)
    record.executor_ends("gpu")


def test_a_record_goes_on_when_the_disk_has_room_again_and_lacks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = RunRecord({"explain.txt": "all of it\n"})
    record.count_tasks_of(tmp_path)
    with monkeypatch.context() as full:
        for name in ("mkdir", "open"):
            full.setattr(Path, name, failing(getattr(Path, name), FOLDER))
        with pytest.warns(PolarisParslWarning, match="and the record as soon as it can be written"):
            record.begin(tmp_path, ID)
        record.executor_starts("gpu", "blocks ()")
    record.block_submitted("gpu", "0", "0.pbs")
    record.executor_ends("gpu")
    assert [each["event"] for each in events(tmp_path)] == [
        "run", "executor", "block", "tasks", "executor_end",
    ]  # fmt: skip
    assert (tmp_path / FOLDER / "explain.txt").read_text() == "all of it\n"


def failing(real: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A method of Path that finds the disk full for paths of one name."""

    def method(self: Path, *given: Any, **more: Any) -> Any:
        if self.name == name:
            raise OSError(28, "No space left on device")
        return real(self, *given, **more)

    return method


def test_names_that_are_no_text_are_written_all_the_same(record: RunRecord, tmp_path: Path) -> None:
    record.executor_starts("cpu", "blocks (in /caf\udce9)")
    assert events(tmp_path)[-1]["mode"] == "blocks (in /caf\udce9)"
    for label in ("cpu", "gpu"):
        record.executor_ends(label)
