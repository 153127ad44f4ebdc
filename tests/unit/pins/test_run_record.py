"""Reading what a run directory says was run."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.configuration.record.run_record import FOLDER, RECORD
from polaris_parsl.errors import BundleError
from polaris_parsl.pins.run_record import read_run, write_run

RUN = {
    "event": "run",
    "format": 1,
    "run_id": "cd5c99ef",
    "workflow": "wf.py",
    "polaris_parsl": "2026.12.0",
    "parsl": "2026.10.26",
    "python": "3.11.7",
    "host": "polaris-login-01",
    "process": 77,
    "counts_tasks": True,
    "configuration": "Config(\n    retries=0, \n    usage_tracking=0\n)",
}


def executor(label: str = "gpu") -> dict[str, Any]:
    return {"event": "executor", "executor": label, "mode": "blocks (no job is running)"}


def block(number: str, job: str, label: str = "gpu") -> dict[str, Any]:
    return {"event": "block", "executor": label, "block": number, "job": job}


def tasks(count: int, **more: Any) -> dict[str, Any]:
    facts = {"tasks": count, "unfinished": 0, "states": {}, "from_checkpoints": 0, "apps": {}}
    return {"event": "tasks", **facts, **more}


def end(label: str = "gpu") -> dict[str, Any]:
    return {"event": "executor_end", "executor": label}


def write(folder: Path, *events: dict[str, Any], rest: str = "") -> Path:
    """A run directory; its events are a second apart."""
    (folder / FOLDER).mkdir(exist_ok=True)
    lines = [
        json.dumps({**event, "time": f"2026-11-24T04:48:{number:02}+00:00"}) + "\n"
        for number, event in enumerate(events, 19)
    ]
    (folder / FOLDER / RECORD).write_text("".join(lines) + rest)
    return folder


def test_the_configuration_is_taken_as_parsl_writes_it(tmp_path: Path) -> None:
    run = read_run(write(tmp_path, RUN, executor()))
    assert run.configuration == "Config(\n    retries=0, \n    usage_tracking=0\n)\n"


def test_the_packages_of_the_runs_own_environment_are_taken_along(tmp_path: Path) -> None:
    assert read_run(write(tmp_path, RUN)).facts["own_packages"] == []
    (tmp_path / FOLDER / "environment.txt").write_text("dill==0.1\ntabulate==0.10.0\n")
    assert read_run(tmp_path).facts["own_packages"] == ["dill==0.1", "tabulate==0.10.0"]


def test_tasks_are_counted_by_app_and_jobs_are_named(tmp_path: Path) -> None:
    counts = tasks(
        3,
        states={"exec_done": 2, "memo_done": 1},
        apps={"square": 2, "cube": 1},
        from_checkpoints=1,
    )
    run = read_run(
        write(tmp_path, RUN, executor(), block("0", "1000.pbs"), tasks(1), counts, end())
    )
    assert run.facts["is_recorded"]
    assert run.facts["run_id"] == "cd5c99ef"
    assert (run.facts["first_record"], run.facts["last_record"]) == (
        "2026-11-24T04:48:19+00:00",
        "2026-11-24T04:48:24+00:00",
    )
    assert run.facts["tasks"] == 3
    assert run.facts["apps"] == {"cube": 1, "square": 2}
    assert run.facts["states"] == {"exec_done": 2, "memo_done": 1}
    assert run.facts["from_checkpoints"] == 1
    assert run.facts["jobs"] == [{"executor": "gpu", "block": "0", "job": "1000.pbs"}]
    assert run.facts["modes"] == {"gpu": "blocks (no job is running)"}
    assert run.facts["has_ended"]


def test_a_run_has_ended_when_all_its_executors_have(tmp_path: Path) -> None:
    both = (RUN, executor("gpu"), executor("cpu"))
    assert not read_run(write(tmp_path, *both, end("gpu"))).facts["has_ended"]
    assert read_run(write(tmp_path, *both, end("gpu"), end("cpu"))).facts["has_ended"]


def test_of_a_run_that_was_killed_the_last_counts_are_reported_with_their_time(
    tmp_path: Path,
) -> None:
    begun = (RUN, executor(), block("0", "1000.pbs"))
    nothing = read_run(write(tmp_path, *begun)).facts
    assert (nothing["has_ended"], nothing["tasks"], nothing["counted"]) == (False, None, None)
    some = read_run(write(tmp_path, *begun, tasks(7), rest='{"event": "tas')).facts
    assert (some["has_ended"], some["tasks"]) == (False, 7)
    assert some["counted"] == "2026-11-24T04:48:22+00:00"


def test_a_python_that_ended_without_a_cleanup_is_no_end_of_the_run(tmp_path: Path) -> None:
    run = read_run(write(tmp_path, RUN, executor(), tasks(1), {"event": "exit"}))
    assert not run.facts["has_ended"]


def test_events_that_are_not_known_yet_are_passed_over(tmp_path: Path) -> None:
    run = read_run(write(tmp_path, RUN, {"event": "weather", "rain": True}, executor(), end()))
    assert run.facts["has_ended"]


def test_a_run_of_another_configuration_has_no_counts_and_no_configuration(tmp_path: Path) -> None:
    other = {**RUN, "counts_tasks": False, "configuration": None}
    run = read_run(write(tmp_path, other, executor(), end()))
    assert (run.facts["tasks"], run.configuration) == (None, "")
    write_run(run, tmp_path / "written")
    assert [path.name for path in (tmp_path / "written").iterdir()] == ["run.json"]


def test_job_scripts_are_taken_and_their_output_is_not(tmp_path: Path) -> None:
    scripts = tmp_path / "submit_scripts"
    scripts.mkdir()
    for name in ("block-0", "block-0.stdout", "block-0.stderr", "cmd_block-0.sh"):
        (scripts / name).write_text("")
    run = read_run(write(tmp_path, RUN))
    assert list(run.scripts) == ["block-0", "cmd_block-0.sh"]


@pytest.mark.parametrize(
    "rest",
    ["", "no record at all\n", '["run"]\n', json.dumps(executor()) + "\n",
     json.dumps({"event": "run", "format": 1}) + "\n", json.dumps(RUN)],
    ids=["empty", "no JSON", "no event", "no start", "keys are missing", "start cut short"],
)  # fmt: skip
def test_a_record_that_is_damaged_is_refused(rest: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=RECORD) as refusal:
        read_run(write(tmp_path, rest=rest))
    assert "pin without --run" in refusal.value.remedy


def test_a_record_of_a_later_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="has format 2; this polaris-parsl reads 1"):
        read_run(write(tmp_path, {**RUN, "format": 2}))


@pytest.mark.parametrize("name", ["parsl.log", "submit_scripts", FOLDER])
def test_a_run_without_a_record_says_what_is_not_known(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir() if "." not in name else (tmp_path / name).write_text("a log")
    run = read_run(tmp_path)
    assert not run.facts["is_recorded"]
    assert "an earlier polaris-parsl made it" in run.facts["note"]
    assert "tasks" not in run.facts
    assert run.configuration == ""


def test_a_directory_that_is_no_run_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not a run directory of Parsl") as refusal:
        read_run(tmp_path)
    assert "runinfo/000" in refusal.value.remedy


@pytest.mark.parametrize(
    "name",
    [
        "submit_scripts/block-1",
        "submit_scripts",
        "polaris_parsl",
        "polaris_parsl/explain.txt",
        "polaris_parsl/workflow.py",
        "polaris_parsl/polaris-parsl.toml",
        "polaris_parsl/run.jsonl",
    ],
)
@pytest.mark.parametrize("kind", ["link", "pipe", "device"])
def test_what_others_put_into_a_run_directory_brings_no_file_of_the_readers_into_a_bundle(
    name: str, kind: str, tmp_path: Path
) -> None:
    private = tmp_path / "private"
    (private / "folder").mkdir(parents=True)
    (private / "folder/key").write_text("secret")
    folder = tmp_path / "run"
    (folder / "submit_scripts").mkdir(parents=True)
    (folder / "polaris_parsl").mkdir()
    place = folder / name
    is_folder = place.is_dir()
    if is_folder:
        place.rmdir()
    if kind == "link":
        place.symlink_to(private / ("folder" if is_folder else "folder/key"))
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("/dev/zero")
    with pytest.raises(BundleError, match=f"cannot read {folder}/{name.partition('/')[0]}"):
        read_run(folder)
