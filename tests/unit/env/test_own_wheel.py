"""Our own wheel is built once for each content of the source tree."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from polaris_parsl.env.installer import own_wheel

PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "polaris-parsl"
version = "1"
[tool.hatch.build.targets.wheel]
only-include = ["src/polaris_parsl"]
sources = ["src"]
force-include = {"tools.lock" = "polaris_parsl/tools.lock"}
"""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small source tree."""
    package = tmp_path / "tree/src/polaris_parsl"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (tmp_path / "tree/tools.lock").write_text("")
    (tmp_path / "tree/pyproject.toml").write_text(PROJECT)
    monkeypatch.setattr(own_wheel, "source_tree", lambda _: tmp_path / "tree")
    return tmp_path / "tree"


@pytest.fixture
def make(tree: Path, tmp_path: Path) -> Callable[[], Path]:
    """Makes the wheel in a new directory, with the same cache."""

    def make() -> Path:
        folder = tmp_path / f"wheels{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        with own_wheel.own_wheel(folder, cache=tmp_path / "cache", env=os.environ) as finish:
            return finish()

    return make


def test_a_content_is_built_once_and_another_again(
    tree: Path, make: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make().read_bytes()
    monkeypatch.setattr(own_wheel, "_building", lambda *_, **__: pytest.fail("hatchling started"))
    (tree / "src/polaris_parsl/__pycache__").mkdir()
    (tree / "src/polaris_parsl/__pycache__/x.pyc").write_text("is in no wheel")
    assert make().read_bytes() == first
    monkeypatch.undo()
    monkeypatch.setattr(own_wheel, "source_tree", lambda _: tree)
    contents = {first}
    for change in (
        lambda: (tree / "src/polaris_parsl/__init__.py").write_text("x = 1"),
        lambda: (tree / "src/polaris_parsl/new.py").write_text(""),
        lambda: (tree / "tools.lock").write_text("x"),
        lambda: (tree / "pyproject.toml").write_text(PROJECT.replace('"1"', '"2"')),
        lambda: (tree / "src/polaris_parsl/new.py").chmod(0o755),
    ):
        change()
        wheel = make()
        assert zipfile.ZipFile(wheel).testzip() is None
        contents.add(wheel.read_bytes())
    assert len(contents) == 6
    assert len(list((tmp_path / "cache").iterdir())) == 4


def test_what_changes_while_it_is_built_is_not_kept(
    tree: Path, tmp_path: Path, make: Callable[[], Path]
) -> None:
    folder = tmp_path / "wheel"
    folder.mkdir()
    with own_wheel.own_wheel(folder, cache=tmp_path / "cache", env=os.environ) as finish:
        (tree / "tools.lock").write_text("x")
        assert finish().is_file()
    assert not (tmp_path / "cache").exists()


def test_a_wheel_that_another_install_forgets_meanwhile_is_there_or_built_again(
    tree: Path, tmp_path: Path, make: Callable[[], Path]
) -> None:
    first = make()
    (place,) = (tmp_path / "cache").iterdir()
    folder = tmp_path / "wheel"
    folder.mkdir()
    with own_wheel.own_wheel(folder, cache=tmp_path / "cache", env=os.environ) as finish:
        for each in place.iterdir():
            each.unlink()
        assert finish().read_bytes() == first.read_bytes()
    assert make().read_bytes() == first.read_bytes()
