"""The prefix of tests/hostile.py, for each test a new one."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import builder
import kills
from actors import IS_ROOT, OURS, USERS, act
from hostile import CHANGES, World
from polaris_parsl.below import remove_path
from polaris_parsl.cli.main import app
from polaris_parsl.env.modules import modulefile
from polaris_parsl.env.prefix.lifecycle import publish
from polaris_parsl.env.prefix.publish import staging


@pytest.fixture(scope="session")
def _imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let this process import what the verbs use: others may not read the place of the tests."""
    prefix = tmp_path_factory.mktemp("imports") / "prefix"
    with pytest.MonkeyPatch.context() as patch:
        kills.alone(patch.setattr)
        kills.filled(prefix)
        for words in (*CHANGES, ("list",), ("audit",), ("remove", "--all")):
            CliRunner().invoke(app, [*words, "--prefix", str(prefix)])
        CliRunner().invoke(app, ["verify", "--root", str(prefix)])
        CliRunner().invoke(app, ["install", "--dry-run", "--trust-writers", "--base", "/nowhere"])
    modulefile._templates().auto_reload = False


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, _imported: None) -> Iterator[World]:
    kills.alone(monkeypatch.setattr)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("MODULESHOME", raising=False)
    made = World(Path(tempfile.mkdtemp(prefix="polaris-parsl-hostile-")))
    made.top.chmod(0o755)
    for folder, mode in ((made.prefix.parent, 0o2775), (made.home, 0o700)):
        folder.mkdir()
        if IS_ROOT:
            os.chown(folder, 0 if folder != made.home else USERS["victim"], OURS)
        folder.chmod(mode)
    act("victim", lambda: _fill(made))
    yield made
    remove_path(made.top)


def _fill(made: World) -> None:
    for name in (kills.OLD, kills.USUAL):
        with staging(made.prefix, name, group=OURS) as folder:
            builder.small_release(made.prefix, name, folder=folder)
            publish(made.prefix, folder, name, check=lambda: None)
    for name in ("thesis", f"thesis/{kills.OLD}", "thesis/polaris-parsl", "thesis/empty"):
        (made.home / name).mkdir(mode=0o700)
        (made.home / name / "chapter").write_text("years of work\n")
        (made.home / name / "chapter").chmod(0o600)
    (made.home / "thesis/empty/chapter").unlink()
