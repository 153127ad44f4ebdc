"""Reading Parsl's run directory."""

from pathlib import Path

import pytest

from polaris_parsl.errors import BundleError
from polaris_parsl.pins.run_record import read_run

WHERE = "MainProcess-13 MainThread-140273077984128"
STARTUP = (
    "{'python_version': '3.11.7', 'parsl_version': '2026.10.26', "
    "'time_began': datetime.datetime(2026, 11, 24, 4, 48, 19, 33636), "
    "'run_id': 'cd5c99ef', 'workflow_name': 'wf.py', 'user': 'me', 'host': 'polaris-login-01'}"
)


def record(second: int, text: str) -> str:
    return f"1795495699.02 2026-11-24 04:48:{second:02} {WHERE} parsl.{text}\n"


START = record(19, "dataflow.dflow:123 __init__ INFO: Starting DataFlowKernel with config")
START += "Config(\n    retries=0, \n    usage_tracking=0\n)\n"
START += record(19, f"dataflow.dflow:187 __init__ INFO: Workflow startup information: {STARTUP}")


def task(number: int, app: str) -> str:
    text = f"Task {number} submitted for App {app}, not waiting on any dependency"
    return record(20, f"dataflow.dflow:1053 submit INFO: {text}")


def write(folder: Path, *records: str) -> Path:
    (folder / "parsl.log").write_text("".join(records))
    return folder


def test_the_configuration_is_taken_as_parsl_wrote_it(tmp_path: Path) -> None:
    run = read_run(write(tmp_path, START, task(0, "square")))
    assert run.configuration == "Config(\n    retries=0, \n    usage_tracking=0\n)\n"


def test_the_packages_of_the_runs_own_environment_are_taken_along(tmp_path: Path) -> None:
    assert read_run(write(tmp_path, START)).facts["own_packages"] == []
    (tmp_path / "polaris_parsl").mkdir()
    (tmp_path / "polaris_parsl" / "environment.txt").write_text("dill==0.1\ntabulate==0.10.0\n")
    assert read_run(tmp_path).facts["own_packages"] == ["dill==0.1", "tabulate==0.10.0"]


def test_tasks_are_counted_by_app_and_jobs_are_named(tmp_path: Path) -> None:
    launched = "[Scaling executor gpu] Launched block 0 with job ID 1000.polaris-pbs-01"
    run = read_run(
        write(
            tmp_path,
            START,
            record(19, "polaris_parsl:61 start INFO: gpu: blocks (no job is running)"),
            record(19, f"executors.status_handling:271 _launch_block DEBUG: {launched}"),
            task(0, "square"),
            task(1, "square"),
            task(2, "cube"),
            record(30, "dataflow.dflow:1100 log_task_states INFO: Tasks in state States.failed: 0"),
            record(
                30, "dataflow.dflow:1100 log_task_states INFO: Tasks in state States.exec_done: 3"
            ),
            record(31, "dataflow.dflow:1203 cleanup INFO: Workflow shutdown information: {}"),
        )
    )
    assert run.facts["run_id"] == "cd5c99ef"
    assert (run.facts["first_record"], run.facts["last_record"]) == (
        "2026-11-24 04:48:19",
        "2026-11-24 04:48:31",
    )
    assert run.facts["tasks"] == 3
    assert run.facts["apps"] == {"cube": 1, "square": 2}
    assert run.facts["states"] == {"exec_done": 3}
    assert run.facts["jobs"] == [{"executor": "gpu", "block": "0", "job": "1000.polaris-pbs-01"}]
    assert run.facts["modes"] == {"gpu": "blocks (no job is running)"}
    assert run.facts["has_ended"]


def test_a_run_that_was_killed_is_told_as_such(tmp_path: Path) -> None:
    run = read_run(write(tmp_path, START, task(0, "square")))
    assert not run.facts["has_ended"]
    assert run.facts["states"] == {}


def test_job_scripts_are_taken_and_their_output_is_not(tmp_path: Path) -> None:
    scripts = tmp_path / "submit_scripts"
    scripts.mkdir()
    for name in ("block-0", "block-0.stdout", "block-0.stderr", "cmd_block-0.sh"):
        (scripts / name).write_text("")
    run = read_run(write(tmp_path, START))
    assert [path.name for path in run.scripts] == ["block-0", "cmd_block-0.sh"]


@pytest.mark.parametrize(
    "text",
    ["", "no log at all\n", record(1, "x: hello"), START.partition("1795495699.02 2026-11-24 04:48:19 M")[0],
     START.replace("{'python", "{{'python")],
    ids=["empty", "no log", "other log", "nothing", "startup that is no dictionary"],
)  # fmt: skip
def test_a_log_without_the_start_of_parsl_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="does not say that Parsl started") as refusal:
        read_run(write(tmp_path, text))
    assert "runinfo/000" in refusal.value.remedy


def test_a_directory_without_a_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"cannot read .*parsl\.log: No such file"):
        read_run(tmp_path)
