from pathlib import Path

import pytest
from typer.testing import CliRunner

from code_blocks import typed
from polaris_parsl.cli.main import app
from polaris_parsl.files import shipped

ROOT = shipped("environment.yml").parent


@pytest.mark.parametrize(
    "words",
    [
        ["--check", "--diff", "."],
        ["--check", "--conda", "mamba"],
        ["--diff", ".", "--repodata", "."],
        ["overlay.lock"],
        ["--check", "overlay.lock"],
    ],
)
def test_solving_checking_and_comparing_exclude_each_other(words: list[str]) -> None:
    done = CliRunner().invoke(app, ["lock", *words])
    assert done.exit_code == 2
    assert "exclude each other" in done.output


def test_the_locks_of_two_tracks_differ_as_the_document_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (diff,) = typed("docs/locks.md", "$ python3 scripts/bootstrap.py lock --diff")
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(app, diff.command.split()[2:])
    assert diff.fits(done.stdout), done.output


def test_a_lock_is_compared_with_that_of_the_source_tree(tmp_path: Path) -> None:
    old = tmp_path / "overlay.lock"
    text = (ROOT / "overlay.lock").read_text()
    old.write_text(text.replace("dill==", "dull=="))
    done = CliRunner().invoke(app, ["lock", "--diff", str(old)])
    assert done.exit_code == 0
    first, second, third = done.stdout.splitlines()
    assert first == "overlay.lock: 1 added, 1 removed, 0 changed, 0 rebuilt"
    assert second.startswith("  + dill ")
    assert third.startswith("  - dull ")


def test_a_directory_of_locks_is_compared_with_the_source_tree() -> None:
    done = CliRunner().invoke(app, ["lock", "--diff", str(ROOT)])
    assert done.stdout.splitlines() == [
        "conda-lock.yml: the same",
        "installer.lock: the same",
        "maintainer.lock: the same",
        "overlay-mep.lock: the same",
        "overlay-monitoring.lock: the same",
        "overlay.lock: the same",
        "tools.lock: the same",
    ]
