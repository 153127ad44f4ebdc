"""Sealing, and the directories of a prefix that several people write to."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from polaris_parsl.below import remove_path
from polaris_parsl.env.prefix.permissions import (
    choose_group,
    make_shared,
    seal,
)
from polaris_parsl.errors import PrefixError
from polaris_parsl.installs import group_of

MINE = os.getegid()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def ordinary(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who is in one group only, and not root."""
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    monkeypatch.setattr(os, "getgroups", lambda: [MINE])


@pytest.fixture
def tree(tmp_path: Path, umask: int) -> Path:
    """What an install looks like before it is sealed."""
    root = tmp_path / "tree"
    (root / "bin").mkdir(parents=True)
    (root / "bin/program").write_text("#!/bin/sh\n")
    (root / "bin/program").chmod(0o700)
    (root / "data").write_text("text\n")
    (root / "open").write_text("a lock that anybody may write\n")
    (root / "open").chmod(0o666)
    (root / "link").symlink_to("bin")
    (root / "receipt.json").write_text("{}\n")
    return root


def test_a_sealed_tree_is_read_only_whatever_the_umask(tree: Path) -> None:
    seal(tree, group=None)
    assert {path.name: mode(path) for path in (tree, *tree.rglob("*")) if path.name != "link"} == {
        "tree": 0o555,
        "bin": 0o555,
        "program": 0o555,
        "data": 0o444,
        "open": 0o444,
        "receipt.json": 0o444,
    }


def test_nothing_of_a_sealed_tree_is_younger_than_its_receipt(tree: Path) -> None:
    seal(tree, group=None)
    receipt = (tree / "receipt.json").stat().st_ctime_ns
    assert all(path.lstat().st_ctime_ns <= receipt for path in tree.rglob("*"))


def test_a_sealed_tree_can_be_renamed_and_removed(tree: Path) -> None:
    seal(tree, group=None)
    moved = tree.rename(tree.with_name("moved"))
    remove_path(moved)
    assert not moved.exists()


def test_a_new_directory_is_a_persons_or_a_groups_whatever_the_umask(
    tmp_path: Path, umask: int
) -> None:
    make_shared(tmp_path / "mine", group=None)
    make_shared(tmp_path / "ours", group=MINE)
    assert (mode(tmp_path / "mine"), mode(tmp_path / "ours")) == (0o755, 0o2775)
    assert (group_of(tmp_path / "mine"), group_of(tmp_path / "ours")) == (None, MINE)


@pytest.mark.parametrize(
    ("before", "after"), [(0o700, 0o2770), (0o755, 0o2775), (0o777, 0o2775), (0o2770, 0o2770)]
)
def test_a_directory_becomes_the_groups_and_nobody_outside_may_write(
    tmp_path: Path, before: int, after: int
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    place.chmod(before)
    make_shared(place, group=MINE)
    assert mode(place) == after


def test_a_directory_that_is_there_stays_as_it_is_without_a_group(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine").chmod(0o750)
    make_shared(tmp_path / "mine", group=None)
    assert mode(tmp_path / "mine") == 0o750


def test_the_group_of_a_prefix_is_kept(tmp_path: Path) -> None:
    make_shared(tmp_path / "ours", group=MINE)
    assert choose_group(tmp_path / "ours", None) == MINE
    assert choose_group(tmp_path / "ours", str(MINE)) == MINE
    assert choose_group(tmp_path / "new", None) is None


@pytest.mark.parametrize(
    ("name", "complaint", "remedy"),
    [
        ("nosuchgroup", "this system has no such group", "`id -Gn`"),
        ("987654", "you are not in it; your groups are:", "have yourself added"),
    ],
)
def test_a_group_that_cannot_be_is_refused(
    name: str, complaint: str, remedy: str, tmp_path: Path, ordinary: None
) -> None:
    with pytest.raises(PrefixError) as refusal:
        choose_group(tmp_path / "new", name)
    assert complaint in refusal.value.problem
    assert name in refusal.value.problem
    assert remedy in refusal.value.remedy
    assert not (tmp_path / "new").exists()


def test_a_prefix_of_one_group_is_not_given_to_another(tmp_path: Path) -> None:
    make_shared(tmp_path / "ours", group=MINE)
    with pytest.raises(PrefixError, match="belongs to the group"):
        choose_group(tmp_path / "ours", "987654")


def test_a_prefix_of_another_person_is_not_taken_for_a_group(
    tmp_path: Path, ordinary: None
) -> None:
    (tmp_path / "theirs").mkdir()
    with pytest.raises(PrefixError) as refusal:
        choose_group(tmp_path / "theirs", str(MINE))
    assert "chgrp" in refusal.value.remedy
