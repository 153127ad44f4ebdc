"""Which packages of the user go to the nodes, and which are refused."""

import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import pytest

import polaris_parsl
from polaris_parsl.configuration import on_node
from polaris_parsl.configuration.image import ImageChoice
from polaris_parsl.configuration.node.start import StagedFinder
from polaris_parsl.configuration.staged_modules import DIGEST, find_modules
from polaris_parsl.errors import OptionError


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """The archive of an install."""
    made = tmp_path / "workers.tar.gz"
    made.write_bytes(b"")
    return made


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of sys.path with a package and a module."""
    folder = tmp_path / "project"
    (folder / "a_package").mkdir(parents=True)
    (folder / "a_package" / "__init__.py").touch()
    (folder / "a_module.py").touch()
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
    return folder


def test_a_package_is_its_directory_and_a_module_its_file(project: Path, archive: Path) -> None:
    found = find_modules(["a_package", "a_module"], archive)
    assert found.roots == dict.fromkeys(["a_package", "a_module"], str(project))
    assert {str(each.relative_to(project)) for each in found.files} == {
        "a_package/__init__.py",
        "a_module.py",
    }


def test_another_content_has_another_key(project: Path, archive: Path) -> None:
    before = find_modules(["a_module"], archive).key
    assert find_modules(["a_module"], archive).key == before
    (project / "a_module.py").write_text("changed = True\n")
    assert find_modules(["a_module"], archive).key != before


@pytest.mark.parametrize(
    ("name", "why"),
    [("no_such_package", "does not find"), ("sys", "no file of its own"), ("os.path", "top level")],
)
def test_what_cannot_be_staged_is_refused(
    archive: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, why: str
) -> None:
    choice = ImageChoice(tmp_path / "workers.image", "", archive, "0")
    monkeypatch.setattr(on_node, "choose_image", lambda: choice)
    with pytest.raises(OptionError, match=why):
        polaris_parsl.config(account="datascience", address="10.0.0.1", stage_modules=[name])


def test_the_command_of_the_workers_names_the_archive_of_the_run(
    project: Path, archive: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    choice = ImageChoice(tmp_path / "workers.image", "", archive, "0")
    monkeypatch.setattr(on_node, "choose_image", lambda: choice)
    made = polaris_parsl.config(
        account="datascience", address="10.0.0.1", stage_modules=["a_module"], run_dir=tmp_path
    )
    key = find_modules(["a_module"], archive).key
    executor: Any = made.executors[0]
    command = executor.launch_cmd
    assert f"{tmp_path}/polaris_parsl/{key}.tar.gz {DIGEST}" in command
    # nothing is written before the run
    assert not (tmp_path / "polaris_parsl").exists()


def test_packages_for_nodes_that_get_no_files_are_refused() -> None:
    with pytest.raises(OptionError, match="beside stage=False"):
        polaris_parsl.config(account="datascience", stage=False, stage_modules=["parsl"])


def test_a_module_that_comes_first_on_the_module_path_wins_over_a_copy(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(f"{tmp_path}/copies{project}")
    copy.mkdir(parents=True)
    (copy / "a_module.py").touch()
    finder = StagedFinder({"a_module": str(project)}, f"{tmp_path}/copies")
    found = finder.find_spec("a_module")
    assert found is not None
    assert found.origin == str(copy / "a_module.py")
    first = tmp_path / "first"
    first.mkdir()
    (first / "a_module.py").touch()
    monkeypatch.setattr(sys, "path", [str(first), *sys.path])
    assert finder.find_spec("a_module") is None
    winner = PathFinder.find_spec("a_module")
    assert winner is not None
    assert winner.origin == str(first / "a_module.py")
    # nor is one found whose directory has left the module path
    monkeypatch.setattr(sys, "path", [])
    assert finder.find_spec("a_module") is None
