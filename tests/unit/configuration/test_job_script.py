import socket
import sys
import tempfile
from pathlib import Path

import pytest

from polaris_parsl.configuration.job_script import DRIVER_ADDRESS, WORKER_PORT, job_scripts
from polaris_parsl.errors import OptionError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PBS_JOBID", "PBS_NODEFILE", "POLARIS_PARSL_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


def test_the_script_has_the_request_and_the_command_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polaris_parsl.driver.folder_of_script", lambda: None)
    run_dir = tmp_path / "runs"
    (script,) = job_scripts(
        account="datascience", address="10.0.0.1", run_dir=run_dir, nodes_per_block=2
    )
    lines = script.text.splitlines()
    assert lines[0] == "#!/bin/bash"
    assert "#PBS -l select=2:ncpus=64:ngpus=4" in lines
    assert "#PBS -l walltime=1:00:00" in lines
    assert f"{sys.executable} -P -m polaris_parsl.configuration.parsl_internals.worker_pool" in (
        script.text
    )
    assert f"--port={WORKER_PORT}" in script.text
    assert script.command.startswith(
        f"qsub -q debug -A datascience {run_dir}/000/submit_scripts/parsl.htex.block-0."
    )
    assert not run_dir.exists()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_the_run_is_numbered_as_parsl_will(tmp_path: Path) -> None:
    for number in ("000", "007"):
        (tmp_path / number).mkdir()
    (script,) = job_scripts(account="datascience", address="10.0.0.1", run_dir=tmp_path)
    assert f"{tmp_path}/008/submit_scripts" in script.command
    assert sorted(each.name for each in tmp_path.glob("0*")) == ["000", "007"]


def test_each_executor_has_a_script_of_its_own(tmp_path: Path) -> None:
    scripts = job_scripts(
        account="datascience",
        address="10.0.0.1",
        run_dir=tmp_path,
        queue="preemptable",
        executors={"gpu": {}, "cpu": {"available_accelerators": 0, "nodes_per_block": 3}},
    )
    assert [script.executor for script in scripts] == ["gpu", "cpu"]
    assert "select=1:" in scripts[0].text
    assert "select=3:" in scripts[1].text


def test_inside_a_job_it_is_what_bash_runs_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nodes").write_text("n1.hsn\nn2.hsn\n")
    monkeypatch.setenv("PBS_JOBID", "1.pbs")
    monkeypatch.setenv("PBS_NODEFILE", str(tmp_path / "nodes"))
    (script,) = job_scripts(address="10.0.0.1", run_dir=tmp_path)
    assert script.command == ""
    assert "printf '%s\\n' n1.hsn n2.hsn >" in script.text
    assert "WORKERCOUNT=2" in script.text


def test_on_a_laptop_a_placeholder_stands_for_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "wlan0")])
    tasks = job_scripts(account="datascience", run_dir=tmp_path)
    mpi = job_scripts(
        account="datascience", run_dir=tmp_path, nodes_per_block=2, max_workers_per_block=1
    )
    for script in (*tasks, *mpi):
        assert f"-a {DRIVER_ADDRESS} " in script.text
    with pytest.raises(OptionError, match="no address on bond9"):
        job_scripts(account="datascience", run_dir=tmp_path, interface="bond9")
