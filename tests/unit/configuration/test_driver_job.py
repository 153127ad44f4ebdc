import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from polaris_parsl.configuration.driver_job import driver_job
from polaris_parsl.driver import Driver
from polaris_parsl.errors import MissingToolError, OptionError, PolarisParslError

GIVEN = {"account": "datascience"}
COMMAND = ["python", "workflow.py"]


@pytest.fixture
def driver(tmp_path: Path) -> Driver:
    """A driver on a login node, in a directory with a workflow."""
    (tmp_path / "workflow.py").touch()
    python = Path(sys.executable)
    tree = Path("/eagle/p/modulefiles")
    return Driver(python=python, folder=tmp_path, module="polaris-parsl/1", module_tree=tree)


def refused(driver: Driver, *command: str, **texts: str) -> PolarisParslError:
    with pytest.raises(PolarisParslError) as error:
        driver_job({**GIVEN, **texts}, command or COMMAND, driver)
    return error.value


def test_the_script_asks_for_what_a_block_would_and_runs_the_command(driver: Driver) -> None:
    driver = replace(driver, variables={"QUEUE": "debug-scaling", "WORKERS_PER_GPU": "2"})
    texts = {**GIVEN, "nodes_per_block": "3", "walltime": "0:30:00", "queue": "preemptable"}
    job = driver_job(texts, [*COMMAND, "--name", "it's"], driver)
    lines = job.script.splitlines()
    directives = [line for line in lines if line.startswith("#PBS")]
    assert directives == [
        "#PBS -S /bin/bash",
        "#PBS -N workflow.py",
        "#PBS -A datascience",
        "#PBS -q preemptable",
        "#PBS -l select=3:ncpus=64:ngpus=4",
        "#PBS -l walltime=0:30:00",
        "#PBS -j oe",
        "#PBS -l filesystems=home:eagle",
    ]
    in_order = [
        "module load polaris-parsl/1 || true",
        f"export PATH={driver.python.parent}:$PATH",
        "export POLARIS_PARSL_QUEUE=preemptable",
        "export POLARIS_PARSL_WORKERS_PER_GPU=2",
        "export POLARIS_PARSL_MODE=inside_job",
    ]
    assert [lines.index(line) for line in in_order] == sorted(map(lines.index, in_order))
    assert f"cd {driver.folder} ||" in lines[-2]
    assert lines[-1] == """exec python workflow.py --name 'it'"'"'s' </dev/null"""
    assert (job.nodes, job.queue, job.walltime) == (3, "preemptable", timedelta(minutes=30))
    assert job.output("7.pbs") == driver.folder / "workflow.py.o7"


def test_the_job_has_the_nodes_of_all_executors(driver: Driver) -> None:
    executors = "{gpu = {nodes_per_block = 2}, cpu = {available_accelerators = 0}}"
    job = driver_job({**GIVEN, "queue": "preemptable", "executors": executors}, COMMAND, driver)
    assert job.nodes == 3


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["python", "-m", "json"], "python"),
        (["/bin/sh", "-c", "true"], "sh"),
        (["python", "..a b.py"], "a-b.py"),
        (["python3", "workflow.py"], "workflow.py"),
    ],
)
def test_a_job_is_named_after_what_it_runs(driver: Driver, command: list[str], name: str) -> None:
    (driver.folder / "..a b.py").touch()
    assert driver_job(GIVEN, command, driver).name == name


def test_a_job_in_a_job_is_refused(driver: Driver) -> None:
    error = refused(replace(driver, job="7.pbs", nodefile=Path("/var/nodes")))
    assert str(error) == (
        "this is job 7.pbs already\n  fix: run the command as it is: it uses the nodes of this job"
    )


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"account": ""}, "account"),
        ({"acount": "x"}, "acount is not an option of polaris_parsl"),
        ({"queue": "debug", "nodes_per_block": "3"}, "debug does not take nodes_per_block=3"),
        ({"mode": "blocks"}, "mode='blocks', and submit makes a job for mode='inside_job'"),
        ({"task_walltime": "0:10:00"}, "give drain_period=2940"),
        ({"address": "10.0.0.1"}, "the driver will run on another"),
        ({"worker_init": "it's ("}, "worker_init"),
    ],
)
def test_what_the_job_could_not_do_is_refused_before_qsub(
    driver: Driver, texts: dict[str, str], words: str
) -> None:
    error = refused(driver, **texts)
    assert isinstance(error, OptionError)
    assert words in str(error)


def test_no_account_is_refused_with_the_remedy_of_config(driver: Driver) -> None:
    with pytest.raises(OptionError, match="no account is given, and PBS refuses a job without one"):
        driver_job({}, COMMAND, driver)


def test_a_directory_that_the_job_would_not_see_is_refused(driver: Driver) -> None:
    elsewhere = replace(driver, folder=Path("/lus/grand/projects/p"))
    error = refused(elsewhere, "true", run_dir=str(driver.folder))
    assert "the working directory '/lus/grand/projects/p' lies on the filesystem 'grand'" in str(
        error
    )


def test_a_command_that_is_not_there_is_refused(driver: Driver) -> None:
    assert "there is no file nope.py in" in str(refused(driver, "python", "nope.py"))
    for program in ("no-such-program", "./no-such-script"):
        error = refused(driver, program)
        assert isinstance(error, MissingToolError)
        assert f"there is no program {program}" in str(error)


def test_a_program_in_the_working_directory_is_found_from_there(driver: Driver) -> None:
    program = driver.folder / "run.sh"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    assert driver_job(GIVEN, ["./run.sh"], driver).name == "run.sh"


def test_the_sandbox_takes_its_own_address(driver: Driver) -> None:
    here = replace(driver, in_sandbox=True, variables={"ADDRESS": "127.0.0.1"})
    assert "export POLARIS_PARSL_ADDRESS=127.0.0.1" in driver_job(GIVEN, COMMAND, here).script
