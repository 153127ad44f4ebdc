"""Which process made a staging name, and whether it lives."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from polaris_parsl.below import opened
from polaris_parsl.env.prefix import staging
from polaris_parsl.env.prefix.staging import (
    find_abandoned,
    is_alive,
    staged_file,
    staging_name,
    write_atomically,
)


def abandoned(folder: Path) -> list[Path]:
    with opened(folder, folder) as number:
        return [folder / name for name in find_abandoned(number)]


def dead_name(name: str, kind: str = ".staging-") -> str:
    """What a process leaves that has ended."""
    program = (
        "import sys; from polaris_parsl.env.prefix.staging import staging_name; "
        "print(staging_name(sys.argv[1], kind=sys.argv[2]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, name, kind], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_what_a_living_process_makes_is_no_leftover(tmp_path: Path) -> None:
    (tmp_path / staging_name("2026.11.0-mep")).mkdir()
    assert abandoned(tmp_path) == []


def test_what_a_dead_process_made_is_one(tmp_path: Path) -> None:
    path = tmp_path / dead_name("2026.11.0-mep")
    path.mkdir()
    assert abandoned(tmp_path) == [path]


def test_a_process_that_got_the_number_of_a_dead_one_does_not_protect_its_leftover(
    tmp_path: Path,
) -> None:
    name, _, started = staging_name("2026.11.0").rpartition(".")
    path = tmp_path / f"{name}.{int(started) - 1}"
    path.mkdir()
    assert abandoned(tmp_path) == [path]


def test_a_path_marked_for_removal_is_abandoned_whoever_began(tmp_path: Path) -> None:
    path = tmp_path / staging_name("2026.11.0", kind=".removed-")
    path.mkdir()
    assert abandoned(tmp_path) == [path]


@pytest.mark.parametrize("name", [".staging-2026.11.0@elsewhere-0123abcd.4711.1", ".staging-old"])
def test_a_leftover_of_another_machine_is_recognised_by_its_age(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name / "overlay"
    path.mkdir(parents=True)
    (path / "file").touch()
    # mtime says nothing: unpacked files bring their own
    os.utime(path / "file", (0, 0))
    assert abandoned(tmp_path) == []
    monkeypatch.setattr(staging, "_FOREIGN_AGE_SECONDS", -1)
    assert abandoned(tmp_path) == [path.parent]


def test_other_hidden_files_are_not_abandoned(tmp_path: Path) -> None:
    for name in (".modulerc.lua", ".version", "2026.11.0", ".stage"):
        (tmp_path / name).touch()
    assert abandoned(tmp_path) == []


def test_a_process_of_another_user_that_hides_is_alive() -> None:
    assert is_alive(1, started=0)
    assert is_alive(os.getpid(), started=0)


def test_a_file_is_never_seen_half_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with (
        opened(tmp_path, tmp_path) as folder,
        pytest.raises(UnicodeEncodeError),
        staged_file(folder, "file", "x" * 9999 + "\ud800"),
    ):
        pass
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"


def test_a_written_file_is_readable_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_atomically(tmp_path / "file", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644
