"""Jobs that an earlier driver left are found by its record, named and deleted."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.configuration.blocks.answers import JobAnswer, QstatAnswer
from polaris_parsl.configuration.blocks.lines import Lines
from polaris_parsl.configuration.blocks.stray import delete_stray_jobs

HERE = "login-01"


class FakePbs:
    """PBS with one job that waits, and one that has ended."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def ask(self, jobs: list[str]) -> QstatAnswer:
        known = {"1.pbs": JobAnswer("Q"), "2.pbs": JobAnswer("F")}
        return QstatAnswer({job: known[job] for job in jobs if job in known})

    def delete(self, jobs: list[str]) -> str:
        self.deleted += jobs
        return ""


def ended_process() -> int:
    done = subprocess.Popen(["true"])
    done.wait()
    return done.pid


def record(folder: Path, process: int, *more: dict[str, Any], host: str = HERE) -> Path:
    path = folder / "000" / "polaris_parsl" / "run.jsonl"
    path.parent.mkdir(parents=True)
    events = [
        {"event": "run", "host": host, "process": process},
        {"event": "block", "block": "0", "job": "1.pbs"},
        {"event": "block", "block": "1", "job": "2.pbs"},
        *more,
    ]
    path.write_text("\n".join(map(json.dumps, events)) + '\n{"event": "blo')
    return path


def stray(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[list[str], str]:
    """What is deleted, and what is said."""
    pbs = FakePbs()
    delete_stray_jobs([path], HERE, pbs, Lines())  # type: ignore[arg-type]
    return pbs.deleted, capsys.readouterr().err


def test_the_job_of_a_killed_driver_is_deleted_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deleted, said = stray(record(tmp_path, ended_process()), capsys)
    assert deleted == ["1.pbs"]
    assert said == ("polaris_parsl: the driver of run 000 has ended; its jobs 1.pbs are deleted\n")


def test_the_jobs_of_a_living_driver_and_of_another_host_are_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    living = record(tmp_path / "a", os.getpid())
    elsewhere = record(tmp_path / "b", ended_process(), host="login-02")
    for path in (living, elsewhere):
        deleted, said = stray(path, capsys)
        assert deleted == []
        assert "`qdel 1.pbs`" in said


@pytest.mark.parametrize(
    "event",
    [
        {"event": "executor_end", "executor": "htex"},
        {"event": "block_state", "job": "1.pbs", "state": "ended"},
    ],
    ids=["the run", "the block"],
)
def test_what_has_ended_in_order_is_not_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], event: dict[str, Any]
) -> None:
    assert stray(record(tmp_path, ended_process(), event), capsys) == ([], "")


@pytest.mark.parametrize("kind", ["open to others", "of somebody else", "link", "pipe"])
def test_a_record_that_somebody_else_can_have_written_names_no_job_to_delete(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = record(tmp_path, ended_process())
    if kind == "open to others":
        path.chmod(0o664)
    elif kind == "link":
        path.rename(path.with_name("theirs"))
        path.symlink_to("theirs")
    elif kind == "pipe":
        path.unlink()
        os.mkfifo(path)
    elif os.geteuid() == 0:
        os.chown(path, 70002, -1)
    else:
        pytest.skip("only root can make files of somebody else")
    assert stray(path, capsys) == ([], "")
