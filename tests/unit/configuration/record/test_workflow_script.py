import os
import subprocess
import sys
from pathlib import Path

import pytest

from polaris_parsl.configuration.record.workflow_script import commit_of, running_script


def git(folder: Path, *words: str) -> str:
    settings = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *settings, *words], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_the_commit_is_read_as_git_would_without_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = tmp_path / "work"
    (top / "sub").mkdir(parents=True)
    assert commit_of(top) is None
    git(top, "init", "-q")
    assert commit_of(top) is None
    git(top, "commit", "-q", "--allow-empty", "-m", "one")
    head = git(top, "rev-parse", "HEAD")
    git(top, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    git(tmp_path / "side", "commit", "-q", "--allow-empty", "-m", "two")
    side = git(tmp_path / "side", "rev-parse", "HEAD")
    monkeypatch.setenv("PATH", "/nowhere")
    assert (commit_of(top / "sub"), commit_of(tmp_path / "side")) == (head, side)
    monkeypatch.undo()
    git(top, "pack-refs", "--all")
    assert commit_of(top) == head
    git(top, "checkout", "-q", "--detach")
    assert commit_of(top) == head


def test_a_repository_that_somebody_else_put_above_is_not_believed_and_nothing_waits_for_it(
    tmp_path: Path,
) -> None:
    top, script = tmp_path / "work", tmp_path / "work/mine"
    script.mkdir(parents=True)
    (top / ".git").mkdir()
    secret = tmp_path / "secret"
    secret.write_text("hunter2 refs/heads/main\n")
    head = top / ".git/HEAD"
    os.mkfifo(head)
    assert commit_of(script) is None
    head.unlink()
    head.symlink_to("/dev/zero")
    assert commit_of(script) is None
    head.unlink()
    head.write_text("ref: refs/heads/main\n")
    (top / ".git/packed-refs").symlink_to(secret)
    assert commit_of(script) is None
    (top / ".git/packed-refs").unlink()
    head.write_text("a" * 40)
    assert commit_of(script) == "a" * 40
    if os.geteuid() == 0:
        os.chown(top / ".git", 70002, -1)
        assert commit_of(script) is None


def test_the_running_script_is_a_file_and_none_in_a_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "flow.py"
    script.write_text("pass\n")
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(script), raising=False)
    assert running_script() == script
    monkeypatch.delattr(sys.modules["__main__"], "__file__")
    assert running_script() is None
