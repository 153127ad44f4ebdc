import os
from pathlib import Path

import pytest

from polaris_parsl.files import end_of, oldest_first


def test_the_end_of_a_long_text_is_read_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "stderr"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)  # a hole that nobody could read
        stream.seek(0, os.SEEK_END)
        stream.write(("ä" * 30 + "the end\n").encode())
    assert end_of(path, characters=12) == "äääääthe end"


def test_what_is_no_file_has_no_end_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        end_of(tmp_path / "pipe", characters=12)


def test_what_another_process_removes_meanwhile_has_no_age(tmp_path: Path) -> None:
    for name, when in (("new", 3), ("old", 1), ("gone", 2)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (when, when))
    listed = [*tmp_path.iterdir()]
    (tmp_path / "gone").unlink()
    assert [each.name for each in oldest_first(listed)] == ["old", "new"]
