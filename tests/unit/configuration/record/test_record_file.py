"""Lines of a record wait while the disk is full, and none is written in part."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from polaris_parsl.configuration.record import record_file
from polaris_parsl.configuration.record.record_file import RecordFile


@pytest.fixture
def complaints() -> list[OSError]:
    return []


@pytest.fixture
def lines(tmp_path: Path, complaints: list[OSError]) -> RecordFile:
    return RecordFile(
        tmp_path / "lines",
        complain=complaints.append,
        may_lose=lambda line: line.startswith("-"),
        tell_lost=lambda count: f"{count} lines are missing\n",
    )


@pytest.fixture
def full(lines: RecordFile, complaints: list[OSError], monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk takes nothing, until the test takes the directory away that is in the way."""
    lines.path.mkdir()
    lines.add(["first\n"])
    assert len(complaints) == 1


@pytest.mark.usefixtures("full")
def test_lines_that_wait_come_before_the_next_and_one_complaint_is_enough(
    lines: RecordFile, complaints: list[OSError]
) -> None:
    lines.add(["second\n"])
    lines.path.rmdir()
    lines.add(["third\n"])
    assert lines.path.read_text() == "first\nsecond\nthird\n"
    assert len(complaints) == 1


@pytest.mark.usefixtures("full")
def test_of_too_many_lines_those_are_lost_that_may_be_and_it_says_how_many(
    lines: RecordFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_file, "_WAITING", 2)
    lines.add(["-1\n", "-2\n", "-3\n", "last\n"])
    lines.path.rmdir()
    lines.add([])
    assert lines.path.read_text() == "first\n-1\nlast\n2 lines are missing\n"


FILLS = """
import resource, signal, sys
from pathlib import Path
from polaris_parsl.configuration.record.record_file import RecordFile

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
complaints = []
lines = RecordFile(
    Path(sys.argv[1]), complain=complaints.append, may_lose=lambda line: True, tell_lost=str
)
lines.add(["x" * 99 + "\\n"])
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (150, hard))
lines.add(["y" * 99 + "\\n"])
print(Path(sys.argv[1]).stat().st_size, *(error.strerror for error in complaints))
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
lines.add(["z" * 99 + "\\n"])
"""


def test_a_line_that_fits_only_in_part_is_not_there_and_comes_later(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    said = subprocess.run(
        [sys.executable, "-c", FILLS, path], capture_output=True, text=True, check=True
    ).stdout
    assert said == f"100 {os.strerror(errno.EFBIG)}\n"
    assert path.read_text().split() == ["x" * 99, "y" * 99, "z" * 99]


def test_nobody_else_can_write_it(lines: RecordFile) -> None:
    before = os.umask(0)
    try:
        lines.add(["first\n"])
    finally:
        os.umask(before)
    assert not lines.path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
