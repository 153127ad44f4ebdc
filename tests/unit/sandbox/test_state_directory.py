"""A sandbox writes into a directory of its user only, and through no link."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from polaris_parsl.errors import SandboxError
from polaris_parsl.sandbox.state_directory import state_directory

AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root makes files of others")


def link_a_program(state: Path, victim: Path) -> None:
    (state / "bin").mkdir()
    (state / "bin" / "qsub").symlink_to(victim)


ODD: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "a directory that others can write": (
        lambda state, _: state.chmod(0o777),
        "others can write into",
    ),
    "a lock that is a link": (
        lambda state, victim: (state / "lock").symlink_to(victim),
        "lock is a link",
    ),
    "a database that is a link": (
        lambda state, victim: (state / "jobs.sqlite3").symlink_to(victim),
        r"jobs\.sqlite3 is a link",
    ),
    "a directory of programs that is a link": (
        lambda state, victim: (state / "bin").symlink_to(victim.parent),
        "bin is a link",
    ),
    "a program that is a link": (
        link_a_program,
        "qsub is a link",
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_directory_is_refused_and_nothing_behind_it_changes(
    name: str, tmp_path: Path
) -> None:
    make, message = ODD[name]
    victim, state = tmp_path / "victim", tmp_path / "state"
    victim.write_text("kept")
    state.mkdir(mode=0o700)
    make(state, victim)
    with pytest.raises(SandboxError, match=message), state_directory(state):
        pytest.fail("was taken")
    assert victim.read_text() == "kept"


@AS_ROOT
@pytest.mark.parametrize("what", ["state", "state/jobs"])
def test_what_belongs_to_another_user_is_refused(what: str, tmp_path: Path) -> None:
    (tmp_path / "state/jobs").mkdir(mode=0o700, parents=True)
    (tmp_path / "state").chmod(0o700)
    os.chown(tmp_path / what, 65534, 65534)
    with (
        pytest.raises(SandboxError, match="another user"),
        state_directory(tmp_path / "state"),
    ):
        pytest.fail("was taken")


def test_a_link_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "state").symlink_to("real")
    with (
        pytest.raises(SandboxError, match="it is a link"),
        state_directory(tmp_path / "state"),
    ):
        pytest.fail("was taken")
    assert not list((tmp_path / "real").iterdir())


def test_a_new_directory_is_the_users_alone_and_is_used_again(tmp_path: Path) -> None:
    for _ in range(2):
        with state_directory(tmp_path / "deep/state") as folder:
            assert folder.stat().st_mode & 0o777 == 0o700
            with pytest.raises(SandboxError, match="another sandbox runs"), state_directory(folder):
                pytest.fail("was taken twice")
            (folder / "tmp").mkdir(exist_ok=True)
            if not (folder / "tmp/link").is_symlink():
                (folder / "tmp/link").symlink_to("/etc/passwd")
