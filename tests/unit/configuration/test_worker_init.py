import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.configuration.worker_init import compose
from polaris_parsl.driver import Driver
from polaris_parsl.options.options import ExecutorOptions

MODULE_USER = Driver(
    python=Path(sys.executable),
    module="polaris-parsl/1.2",
    module_tree=Path("/eagle/modulefiles"),
)


def script(tmp_path: Path, driver: Driver | None = None, **given: Any) -> str:
    options = ExecutorOptions.parse({"account": "datascience", "run_dir": tmp_path, **given})
    return compose(options, driver or Driver(python=Path(sys.executable)))


def bash(text: str, tmp_path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the text as a batch job would, with an mpiexec and a GNU Parallel of our own on PATH."""
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    for name, body in {"mpiexec": "exit 0", "parallel": "echo GNU parallel 20241122"}.items():
        program = programs / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    return subprocess.run(
        ["/bin/bash", "-c", text],
        env={"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path), **env},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_job_goes_on_in_run_dir_with_the_interpreter_of_the_driver(tmp_path: Path) -> None:
    result = bash(script(tmp_path) + "\npwd; command -v python; echo $TMPDIR", tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        str(tmp_path),
        str(Path(sys.executable).parent / "python"),
        "/tmp",
    ]


def test_user_site_and_stray_python_variables_do_not_reach_the_workers(tmp_path: Path) -> None:
    text = script(tmp_path) + "\necho $PYTHONNOUSERSITE ${PYTHONPATH-unset} ${PYTHONHOME-unset}"
    result = bash(text, tmp_path, PYTHONPATH="/elsewhere")
    assert result.stdout.split() == ["1", "unset", "unset"]


def test_the_pythonpath_of_the_driver_reaches_the_workers(tmp_path: Path) -> None:
    driver = Driver(python=Path(sys.executable), pythonpath="/eagle/my 'models'")
    result = bash(script(tmp_path, driver) + "\necho $PYTHONPATH", tmp_path)
    assert result.stdout.strip() == "/eagle/my 'models'"


def test_worker_init_of_the_user_runs_after_ours_and_before_the_checks(tmp_path: Path) -> None:
    text = script(tmp_path, worker_init="echo mine $TMPDIR; cd /usr")
    result = bash(text + "\npwd", tmp_path)
    assert result.stdout.splitlines() == ["mine /tmp", str(tmp_path)]


@pytest.mark.parametrize(
    ("python", "given", "problem"),
    [
        ("/nowhere/bin/python", {}, "/nowhere/bin/python does not find parsl"),
        (
            sys.executable,
            {"run_dir": "/nowhere/run"},
            "cannot enter the run directory /nowhere/run",
        ),
        (sys.executable, {"worker_init": "PATH=/nowhere"}, "there is no mpiexec"),
        (
            sys.executable,
            {"worker_init": "PATH=/nowhere", "launcher": "gnu_parallel"},
            "there is no GNU Parallel",
        ),
    ],
)
def test_what_is_missing_on_the_node_ends_the_job_with_a_message(
    tmp_path: Path, python: str, given: dict[str, Any], problem: str
) -> None:
    text = script(tmp_path, Driver(python=Path(python)), **given)
    result = bash(text + "\necho went on", tmp_path)
    assert result.returncode == 1
    assert problem in result.stderr
    assert "\n  fix: " in result.stderr
    assert "went on" not in result.stdout


def test_a_module_that_does_not_load_ends_the_job_whatever_module_returns(tmp_path: Path) -> None:
    quiet = "module() { return 0; }\n"
    result = bash(quiet + script(tmp_path, MODULE_USER) + "\necho went on", tmp_path)
    assert result.returncode == 1
    assert "cannot load the module polaris-parsl/1.2 of /eagle/modulefiles" in result.stderr


def test_a_module_that_loads_lets_the_job_go_on_though_module_returns_1(tmp_path: Path) -> None:
    warns = 'module() { [ "$1" = load ] && export POLARIS_PARSL_MODULE=$2; return 1; }\n'
    result = bash(
        warns + script(tmp_path, MODULE_USER) + "\necho went on", tmp_path, BASH_ENV="/dev/null"
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "went on\n"


def test_a_virtual_environment_on_top_of_the_module_comes_first(tmp_path: Path) -> None:
    (tmp_path / "venv").symlink_to(Path(sys.executable).parents[1])
    driver = Driver(
        python=tmp_path / "venv" / "bin" / "python",
        module="polaris-parsl/1.2",
        module_tree=Path("/eagle/modulefiles"),
    )
    loads = 'module() { export POLARIS_PARSL_MODULE=$2 PATH="/eagle/overlay/bin:$PATH"; }\n'
    result = bash(loads + script(tmp_path, driver) + "\ncommand -v python", tmp_path)
    assert result.stdout.strip() == str(driver.python), result.stderr


def test_gnu_parallel_finds_a_list_of_variables_to_keep_and_it_is_gone_afterwards(
    tmp_path: Path,
) -> None:
    text = script(tmp_path, launcher="gnu_parallel")
    result = bash(text + '\ncat "$PARALLEL_HOME/ignored_vars"; echo "$PARALLEL_HOME"', tmp_path)
    *names, directory = result.stdout.splitlines()
    assert "HOSTNAME" in names
    assert not Path(directory).exists()


def test_the_driver_is_read_from_the_environment() -> None:
    driver = Driver.current(
        {
            "POLARIS_PARSL_MODULE": "polaris-parsl/1.2",
            "POLARIS_PARSL_MODULEPATH": "/eagle/modulefiles",
            "LMOD_PKG": "/opt/lmod",
            "PYTHONPATH": "",
        }
    )
    assert driver.python == Path(sys.executable)
    assert driver.module == "polaris-parsl/1.2"
    assert driver.module_tree == Path("/eagle/modulefiles")
    assert driver.module_home == Path("/opt/lmod")
    assert driver.pythonpath is None
