import shlex
import sys
from pathlib import Path

import pytest

from polaris_parsl.endpoint.environment import PROGRAM, inspect
from polaris_parsl.errors import (
    BaseEnvironmentError,
    MissingToolError,
    OptionError,
    PolarisParslWarning,
)
from polaris_parsl.facts.polaris import polaris

NEWEST, PARSL = next(iter(polaris().globus_compute.tested.items()))


def make(folder: Path, says: str, *, code: int = 0) -> Path:
    """An environment whose python prints this about itself."""
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.write_text(
        f"#!/bin/sh\nprintf '%s\\n' {shlex.quote(says)} | tee /dev/stderr\nexit {code}\n"
    )
    (folder / "bin" / PROGRAM).write_text("#!/bin/sh\n")
    for path in (folder / "bin").iterdir():
        path.chmod(0o755)
    return folder


def test_inspect_reports_the_versions_of_an_environment(tmp_path: Path) -> None:
    prefix = make(tmp_path / "env", f'[[3, 12], "{NEWEST}", "{PARSL}"]')
    found = inspect(prefix)
    assert (found.release, found.parsl) == (NEWEST, PARSL)
    assert found.python == prefix / "bin" / "python"
    assert found.program == prefix / "bin" / PROGRAM


def test_a_real_interpreter_without_the_package_is_refused(tmp_path: Path) -> None:
    prefix = make(tmp_path / "env", "")
    (prefix / "bin" / "python").unlink()
    (prefix / "bin" / "python").symlink_to(sys.executable)
    with pytest.raises(MissingToolError, match=f"does not find {PROGRAM}: .*{PROGRAM}"):
        inspect(prefix)


def test_a_folder_without_the_program_is_refused_with_the_package_to_install(
    tmp_path: Path,
) -> None:
    with pytest.raises(MissingToolError, match=f"there is no {PROGRAM}") as caught:
        inspect(tmp_path)
    assert f"{PROGRAM}=={NEWEST}" in caught.value.remedy


@pytest.mark.parametrize(
    ("says", "problem"),
    [
        (f'[[3, 10], "{NEWEST}", "{PARSL}"]', "is Python 3.10, older than 3.11"),
        (f'[[3, 12], "{NEWEST}", "2025.1.13"]', "older than 2025.12.8"),
        (f'[[3, 12], "{{{{ 1 }}}}", "{PARSL}"]', "which is not a release"),
    ],
)
def test_an_environment_that_cannot_work_is_refused(
    tmp_path: Path, says: str, problem: str
) -> None:
    with pytest.raises(BaseEnvironmentError, match=problem):
        inspect(make(tmp_path / "env", says))


def test_a_parsl_that_does_not_know_finished_jobs_gets_a_warning(tmp_path: Path) -> None:
    prefix = make(tmp_path / "env", '[[3, 12], "4.9.0", "2026.2.23"]')
    with pytest.warns(PolarisParslWarning, match="submits another at every poll"):
        assert inspect(prefix).parsl == "2026.2.23"


def test_a_path_that_would_break_the_job_script_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="has a character in its path"):
        inspect(tmp_path / "it's")
