import os
import subprocess
import sys
from pathlib import Path

import pytest

from polaris_parsl.errors import ExitCode

COMMAND = ("--", sys.executable, "workflow.py")
JOB = "7.polaris-pbs-01"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "workflow.py").touch()
    return tmp_path


def submit(folder: Path, *words: str, qsub: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command with a qsub that keeps its script."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    if qsub:
        (programs / "qsub").write_text(f'#!/bin/sh\ncat >script\necho "$@" >arguments\n{qsub}\n')
        (programs / "qsub").chmod(0o700)
    left_out = ("PBS_JOBID", "PBS_NODEFILE", "POLARIS_PARSL_SANDBOX", "POLARIS_PARSL_ADDRESS")
    env = {name: value for name, value in os.environ.items() if name not in left_out}
    return subprocess.run(
        [sys.executable, "-m", "polaris_parsl", "submit", *words],
        env=env | {"PATH": f"{programs}:/bin", "COLUMNS": "120"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_says_what_was_submitted_and_what_to_type_next(folder: Path) -> None:
    done = submit(folder, "account=datascience", *COMMAND, qsub=f"echo {JOB}")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert done.stdout.splitlines() == [
        f"submitted {JOB}: 1 node of debug for 1:00:00, charged to datascience",
        f"  output: {folder}/workflow.py.o7",
        f"next: qstat 7; tail -F {folder}/workflow.py.o7; to end the job: qdel 7",
    ]
    assert (folder / "arguments").read_text() == "-\n"
    assert "#PBS -A datascience\n" in (folder / "script").read_text()


def test_the_document_shows_what_it_prints(folder: Path) -> None:
    document = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
    shown = document.partition("$ polaris-parsl submit ")[2].partition("```")[0]
    words, _, lines = shown.partition("\n")
    options = words.partition(" -- ")[0].split()
    done = submit(folder, *options, *COMMAND, qsub=f"echo {lines.split()[1].rstrip(':')}")
    assert done.stdout.replace(str(folder), "/eagle/datascience/run") == lines


def test_with_wait_it_prints_the_output_and_returns_the_exit_code(folder: Path) -> None:
    qsub = f"echo {JOB}; echo printed >workflow.py.o7; exit 9"
    done = submit(folder, "--wait", "account=datascience", *COMMAND, qsub=qsub)
    assert done.returncode == 9
    assert done.stdout.endswith(f"printed\n{JOB} ended with exit code 9\n")
    assert (folder / "arguments").read_text() == "-W block=true -\n"


@pytest.mark.parametrize("wait", [(), ("--wait",)])
def test_what_qsub_says_against_the_job_is_repeated(folder: Path, wait: tuple[str, ...]) -> None:
    qsub = "echo 'qsub: Invalid account' >&2; exit 32"
    done = submit(folder, *wait, "account=datascience", *COMMAND, qsub=qsub)
    assert done.returncode == ExitCode.BLOCK
    assert "error: qsub did not take the job: qsub: Invalid account\n  fix: " in done.stderr


def test_without_qsub_the_script_can_be_seen(folder: Path) -> None:
    done = submit(folder, "account=datascience", *COMMAND)
    assert done.returncode == ExitCode.TOOL
    assert "there is no qsub on PATH" in done.stderr
    done = submit(folder, "--dry-run", "account=datascience", *COMMAND)
    assert done.returncode == ExitCode.DONE
    assert done.stdout.startswith("#!/bin/bash\n")
    assert done.stdout.endswith(f"exec {sys.executable} workflow.py </dev/null\n")


def test_a_command_line_without_a_command_is_refused(folder: Path) -> None:
    for words in ((), ("account=datascience",), ("python", "workflow.py")):
        done = submit(folder, *words)
        assert done.returncode == ExitCode.USAGE
        assert "give the command behind --" in done.stderr
    done = submit(folder, "datascience", *COMMAND)
    assert done.returncode == ExitCode.USAGE
    assert "'datascience' is not of the form NAME=VALUE" in done.stderr
