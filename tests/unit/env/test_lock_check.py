import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from code_blocks import typed
from polaris_parsl.cli.main import app
from polaris_parsl.env.locks import check as lock_check
from polaris_parsl.env.locks.check import check_locks
from polaris_parsl.env.locks.files import lock_names, read_requirements
from polaris_parsl.errors import LockError, MissingToolError
from polaris_parsl.files import shipped

ROOT = shipped("environment.yml").parent
NAMES = lock_names(ROOT / "environment.yml")
ENVIRONMENTS = [path.name for path in ROOT.glob("environment*.yml")]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (*NAMES, *ENVIRONMENTS, "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture
def _conda_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out conda-lock, which takes seconds."""
    monkeypatch.setattr(lock_check, "is_solved_from", lambda *_, **__: True)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def problems_of(tree: Path) -> str:
    with pytest.raises(LockError) as refused:
        check_locks(tree, env=os.environ)
    return refused.value.problem


def test_the_committed_locks_match_their_input() -> None:
    (check,) = typed("docs/locks.md", "$ python3 scripts/bootstrap.py lock --check")
    done = CliRunner().invoke(app, check.command.split()[2:])
    assert check.fits(done.stdout), done.output
    assert done.stdout.partition(": ")[2].strip().split(", ") == NAMES


def test_a_change_of_the_input_is_found_by_conda_lock_itself(tree: Path) -> None:
    replace(tree / "environment.yml", "- conda-forge\n", "- conda-forge\n  - bioconda\n")
    assert problems_of(tree).splitlines()[1:] == [
        "    conda-lock.yml: solved from another environment.yml"
    ]


@pytest.mark.usefixtures("_conda_matches")
@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        (
            "environment.yml",
            "parallel=20241122",
            "parallel=20250122",
            "conda-lock.yml: environment.yml wants parallel=20250122, it locks 20241122",
        ),
        (
            "environment.yml",
            "  - parallel=",
            "  - perl-json >=4\n  - parallel=",
            "conda-lock.yml: environment.yml wants perl-json >=4, which it does not lock",
        ),
        (
            "conda-lock.yml",
            "- name: libgomp",
            "- name: another",
            "conda-lock.yml: _openmp_mutex needs libgomp, which it does not lock",
        ),
        (
            "environment.yml",
            "parsl==2026.10.26",
            "parsl==2026.11.2",
            "overlay.lock: parsl==2026.11.2 is wanted, 2026.10.26 is locked",
        ),
        (
            "environment.yml",
            "parsl==2026.10.26",
            "parsl==2026.11.2",
            "tools.lock: solved without the constraint parsl==2026.11.2",
        ),
        (
            "environment-mep.yml",
            "      - globus-compute-endpoint==4.9.0\n",
            "",
            "overlay-mep.lock: solved with the requirement globus-compute-endpoint==4.9.0",
        ),
        (
            "overlay.lock",
            "filelock==4.2.12",
            "filelock==4.2.13",
            "conda-lock.yml: it locks filelock 4.2.12, but overlay.lock locks 4.2.13",
        ),
        (
            "conda-lock.yml",
            "- name: tblib",
            "- name: tblob",
            "conda-lock.yml: it does not lock tblib, overlay.lock does",
        ),
        (
            "conda-lock.yml",
            "sha256: 1e1ce33e",
            "sha256: 1e1ce33f",
            "conda-lock.yml: its wheel of dill 0.4.1 is not one of overlay.lock",
        ),
        (
            "environment-mep.yml",
            "parallel=20241122",
            "parallel=20250122",
            "environment-mep.yml: its conda part is not that of environment.yml, and has no lock",
        ),
        (
            "pyproject.toml",
            '"rich>=14"',
            '"rich>=99"',
            "tools.lock: solved without the requirement rich>=99",
        ),
        (
            "tools.lock",
            "\ntyper==",
            "\ntypewriter==",
            "tools.lock: typer>=0.20,<0.29 is wanted, it is not locked",
        ),
        (
            "pyproject.toml",
            '"conda-lock>=4.0.3"',
            '"conda-lock>=4.0.4"',
            "maintainer.lock: solved without the requirement conda-lock>=4.0.4",
        ),
    ],
)
def test_what_differs_is_named_with_its_file(
    path: str, old: str, new: str, expected: str, tree: Path
) -> None:
    replace(tree / path, old, new)
    assert f"\n    {expected}" in problems_of(tree)


@pytest.mark.usefixtures("_conda_matches")
def test_two_versions_of_one_package_among_the_tools_are_named(tree: Path) -> None:
    version = read_requirements(tree / "tools.lock")["packaging"].version
    replace(tree / "installer.lock", f"packaging=={version}", "packaging==25.0")
    assert (
        f"installer.lock: it locks packaging 25.0, but tools.lock locks {version}"
        in problems_of(tree)
    )


@pytest.mark.usefixtures("_conda_matches")
def test_a_lock_without_a_track_is_named(tree: Path) -> None:
    (tree / "overlay-old.lock").write_text("")
    assert "overlay-old.lock: there is no environment file of such a track" in problems_of(tree)


@pytest.mark.usefixtures("_conda_matches")
def test_a_comment_in_the_input_changes_nothing(tree: Path) -> None:
    replace(tree / "environment.yml", "dependencies:\n", "# another word\ndependencies:\n")
    assert check_locks(tree, env=os.environ) == NAMES


@pytest.mark.usefixtures("_conda_matches")
def test_a_missing_lock_is_named(tree: Path) -> None:
    (tree / "overlay-mep.lock").unlink()
    with pytest.raises(LockError, match=r"cannot read .*overlay-mep\.lock"):
        check_locks(tree, env=os.environ)


def test_a_missing_solver_is_named(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polaris_parsl.env.locks.solvers.find_spec", lambda _: None)
    with pytest.raises(MissingToolError, match="conda-lock is not installed"):
        check_locks(tree, env=os.environ)
