"""A file counts only where nobody but trusted users can have written it."""

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from polaris_parsl.trusted import ForeignFileError, read_trusted

ME = os.geteuid()
STRANGER, COLLEAGUES, OTHERS = 65533, 54321, 54322


def read(path: Path) -> bytes:
    return read_trusted(path, owners=(ME,), group=COLLEAGUES, most_bytes=100)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of this user in a directory of this user."""
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o755)
    path = folder / "file"
    path.write_bytes(b"text")
    path.chmod(0o644)
    return path


def owned(path: Path, user: int, group: int, mode: int) -> None:
    """Give a path away, as root."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, user, group)
    path.chmod(mode)


FOREIGN: dict[str, tuple[Callable[[Path], object], str]] = {
    "everybody can write it": (lambda file: file.chmod(0o666), "everybody can write .*file"),
    "a group can write it": (lambda file: file.chmod(0o664), "the group .* can write .*file"),
    "everybody can write its directory": (
        lambda file: file.parent.chmod(0o777),
        "everybody can write .*folder",
    ),
    "it lies in a directory like /tmp": (
        lambda file: file.parent.chmod(0o1777),
        "everybody can write .*folder",
    ),
    "a group can write its directory": (
        lambda file: file.parent.chmod(0o775),
        "the group .* can write .*folder",
    ),
    "it is a stranger's": (
        lambda file: owned(file, STRANGER, OTHERS, 0o644),
        "file belongs to the user 65533",
    ),
    "its directory is a stranger's": (
        lambda file: owned(file.parent, STRANGER, OTHERS, 0o755),
        "folder belongs to the user 65533",
    ),
    "everybody can write what the group has": (
        lambda file: owned(file, STRANGER, COLLEAGUES, 0o666),
        "everybody can write .*file",
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_that_somebody_else_can_have_written_is_refused(name: str, file: Path) -> None:
    make, problem = FOREIGN[name]
    make(file)
    with pytest.raises(ForeignFileError, match=problem):
        read(file)


def test_a_link_to_a_file_of_a_stranger_is_refused(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "theirs"
    target.write_bytes(b"theirs")
    target.chmod(0o666)
    file.unlink()
    file.symlink_to(target)
    with pytest.raises((ForeignFileError, OSError), match=r"can write|symbolic|regular"):
        read(file)


def test_an_access_list_that_lets_others_write_is_refused(file: Path) -> None:
    # user::rw-, user:65533:rw-, group::r--, mask::rw-, other::r--
    entries = [(1, 6, 2**32 - 1), (2, 6, STRANGER), (4, 4, 2**32 - 1), (16, 6, 2**32 - 1)]
    entries += [(32, 4, 2**32 - 1)]
    packed = b"\x02\x00\x00\x00" + b"".join(
        tag.to_bytes(2, "little") + right.to_bytes(2, "little") + who.to_bytes(4, "little")
        for tag, right, who in entries
    )
    try:
        os.setxattr(file, "system.posix_acl_access", packed)
    except OSError:
        pytest.skip("this file system has no access lists")
    assert file.stat().st_mode & stat.S_IWGRP
    with pytest.raises(ForeignFileError, match="access list"):
        read(file)


def test_what_the_user_root_or_the_group_of_the_install_has_written_counts(file: Path) -> None:
    assert read(file) == b"text"
    owned(file, 0, OTHERS, 0o644)
    assert read(file) == b"text"
    owned(file, STRANGER, COLLEAGUES, 0o664)
    owned(file.parent, STRANGER, COLLEAGUES, 0o2775)
    assert read(file) == b"text"


def test_a_pipe_in_its_place_does_not_block(file: Path) -> None:
    file.unlink()
    subprocess.run(["mkfifo", file], check=True)
    with pytest.raises(OSError, match="not a regular file"):
        read(file)
