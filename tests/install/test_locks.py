"""The committed locks, the solvers that write them, and what happens when they do not fit."""

import re
import shutil
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

import builder
from code_blocks import typed
from package_links import only_links
from polaris_parsl.env.locks import solve as lock
from polaris_parsl.env.locks.check import check_locks
from polaris_parsl.env.locks.conda import lock_conda
from polaris_parsl.env.locks.files import (
    lock_names,
    overlay_lock,
    read_conda,
    read_requirements,
    read_tracks,
)
from polaris_parsl.env.locks.solvers import conda_command, write_program
from polaris_parsl.errors import LockError, MissingToolError
from polaris_parsl.files import digest, shipped

NAMES = lock_names(shipped("environment.yml"))
PYTHON = [name for name in NAMES if name.endswith(".lock")]
(DOCUMENTED,) = typed("docs/locks.md", "$ python3 scripts/bootstrap.py lock --repodata")
RECORDED = builder.REPOSITORY / DOCUMENTED.command.split()[-1]


def with_requirement(tree: Path, requirement: str) -> None:
    path = tree / "environment.yml"
    path.write_text(path.read_text().replace("- pip:\n", f"- pip:\n      - {requirement}\n"))


def silently(_: str) -> AbstractContextManager[None]:
    return nullcontext()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A source tree as far as locking needs it, with old locks."""
    root = shipped("environment.yml").parent
    for path in (*root.glob("environment*.yml"), root / "pyproject.toml"):
        shutil.copy(path, tmp_path)
    for name in NAMES:
        (tmp_path / name).write_text("old\n")
    return tmp_path


def test_the_conda_lock_is_what_conda_lock_writes_over_the_recorded_records(
    tree: Path, env: dict[str, str]
) -> None:
    lock.relock(tree, env=env, repodata=RECORDED, step=silently)
    assert read_conda(tree / "conda-lock.yml") == read_conda(shipped("conda-lock.yml"))
    assert {package.name for package in read_conda(tree / "conda-lock.yml")} >= {"parallel", "perl"}
    for track, wanted in read_tracks(tree / "environment.yml").items():
        overlay = read_requirements(tree / overlay_lock(track))
        for requirement in wanted:
            name, version = requirement.split("==")
            assert overlay[name.partition("[")[0]].version == version
    assert check_locks(tree, env=env) == NAMES


def test_every_locked_conda_package_has_both_hashes() -> None:
    for package in read_conda(shipped("conda-lock.yml")):
        assert re.fullmatch("[0-9a-f]{64}", package.sha256)
        assert re.fullmatch("[0-9a-f]{32}", package.md5)


@pytest.mark.parametrize("name", PYTHON)
def test_a_python_lock_has_hashes_for_each_pin_and_no_address(name: str) -> None:
    text = shipped(name).read_text()
    assert "://" not in text
    assert "/" not in text
    for pin in read_requirements(shipped(name)).values():
        assert pin.sha256
        assert all(re.fullmatch("[0-9a-f]{64}", value) for value in pin.sha256)


def test_an_unsolvable_conda_part_leaves_the_locks_alone(tree: Path, env: dict[str, str]) -> None:
    path = tree / "environment.yml"
    path.write_text(path.read_text().replace("parallel=20241122", "parallel=19990101"))
    with pytest.raises(LockError, match="parallel"):
        lock.relock(tree, env=env, repodata=RECORDED, step=silently)
    assert {(tree / name).read_text() for name in NAMES} == {"old\n"}


def test_an_unsolvable_overlay_leaves_the_locks_alone(tree: Path, env: dict[str, str]) -> None:
    with_requirement(tree, "no-such-distribution-of-ours==1.0")
    with pytest.raises(LockError, match="no-such-distribution-of-ours"):
        lock.relock(tree, env=env, repodata=RECORDED, step=silently)
    assert {(tree / name).read_text() for name in NAMES} == {"old\n"}


def test_a_missing_solver_is_named_before_anything_is_solved(
    tree: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polaris_parsl.env.locks.solvers.find_spec", lambda _: None)
    monkeypatch.setattr(lock, "lock_conda", pytest.fail)
    with pytest.raises(MissingToolError, match="conda-lock is not installed beside"):
        lock.relock(tree, env=env, repodata=RECORDED, step=silently)


def test_a_conda_that_is_not_there_is_named_before_anything_is_solved(
    tree: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "lock_conda", pytest.fail)
    with pytest.raises(MissingToolError, match="there is no program no-such-mamba"):
        lock.relock(tree, env=env, repodata=None, conda="no-such-mamba", step=silently)


def test_another_conda_solves_the_same_lock(tree: Path, env: dict[str, str]) -> None:
    (tree / "new").mkdir()
    mamba = tree / "mamba"
    write_program(mamba, conda_command(None, repodata=RECORDED, env=env))
    solver = conda_command(str(mamba), repodata=None, env=env)
    assert solver == [str(mamba)]
    within = shipped("overlay.lock")
    lock_conda(tree / "environment.yml", tree / "new", within=within, conda=solver, env=env)
    assert read_conda(tree / "new/conda-lock.yml") == read_conda(shipped("conda-lock.yml"))


def test_a_channel_that_does_not_answer_is_named_at_once(tree: Path, env: dict[str, str]) -> None:
    path = tree / "environment.yml"
    path.write_text(path.read_text().replace("conda-forge", "http://127.0.0.1:9/channel"))
    with pytest.raises(LockError, match=r"channel http://127\.0\.0\.1:9/channel does not answer"):
        lock.relock(tree, env=env, repodata=None, step=silently)


def test_a_requirement_that_is_no_pin_is_refused(tree: Path, env: dict[str, str]) -> None:
    with_requirement(tree, "numpy>=2")
    with pytest.raises(LockError, match="numpy>=2"):
        lock.relock(tree, env=env, repodata=RECORDED, step=silently)


@pytest.mark.parametrize("name", ["overlay.lock", "tools.lock", "installer.lock"])
def test_a_wheel_with_another_hash_is_refused_and_nothing_is_published(
    name: str, env: dict[str, str], tmp_path: Path
) -> None:
    source = builder.copy_source(tmp_path / "source")
    text = (source / name).read_text()
    (source / name).write_text(re.sub("sha256:[0-9a-f]{8}", "sha256:00000000", text))
    command = builder.install_command(source, "--prefix", tmp_path / "prefix")
    python = Path(command[0]).parent
    done = builder.run(*command, env={**env, "PATH": f"{python}:{env['PATH']}"})
    assert done.returncode == 4, done.stderr
    assert f"is not the one that {name} names" in done.stderr
    assert not (tmp_path / "prefix").exists()


def test_a_damaged_wheel_in_the_cache_is_not_installed(
    install: Any, cache: Path, tmp_path: Path
) -> None:
    kept = builder.copy_cache(cache, tmp_path / "cache")
    lock_digest = digest(builder.REPOSITORY / "overlay.lock")[:16]
    (damaged,) = (kept / "polaris-parsl/wheels").glob(
        f"{sys.implementation.cache_tag}-{lock_digest}/parsl-*.whl"
    )
    right = digest(damaged)
    damaged.write_bytes(b"something else")
    env = {**install.env, "XDG_CACHE_HOME": str(kept)}
    env = only_links("overlay.lock", folder=tmp_path, env=env)
    command = builder.install_command(builder.REPOSITORY, "--prefix", tmp_path / "p", "--dry-run")
    done = builder.run(*command, env=env)
    assert done.returncode == 0, done.stderr
    assert digest(damaged) == right
