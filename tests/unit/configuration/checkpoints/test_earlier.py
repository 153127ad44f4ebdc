"""What earlier runs have left: found by key, read only if it is the user's own, never edited."""

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.configuration.checkpoints.earlier import EarlierRuns, ResultError
from polaris_parsl.configuration.checkpoints.entries import UNKNOWN_CODE, Key
from polaris_parsl.configuration.checkpoints.keys import digest
from polaris_parsl.configuration.checkpoints.results_file import ResultsFile

CODE = b"12345678"


def key(number: int, code: bytes = CODE) -> Key:
    return Key(digest("call", str(number).encode()), code)


class Loud:
    """Says when it is unpickled."""

    read = 0

    def __setstate__(self, state: dict[str, Any]) -> None:
        Loud.read += 1
        self.__dict__.update(state)

    def __init__(self, number: int) -> None:
        self.number = number


def write(run: Path, results: dict[Key, Any]) -> Path:
    run.mkdir(parents=True, exist_ok=True)
    file = ResultsFile(run)
    for each, result in results.items():
        file.add(each, result)
    file.close()
    return run / "checkpoint" / "tasks.pkl"


def earlier(runs: Path, *, takes_unknown_code: bool = False) -> EarlierRuns:
    return EarlierRuns(runs / "999", takes_unknown_code=takes_unknown_code)


def test_a_result_is_found_by_its_key_and_nothing_else_is_unpickled(tmp_path: Path) -> None:
    for run in range(3):
        numbers = range(run * 100, run * 100 + 100)
        write(tmp_path / f"{run:03}", {key(n): Loud(n) for n in numbers})
    Loud.read = 0
    found = earlier(tmp_path)
    assert (found.count, Loud.read) == (300, 0)
    result = found.find(key(150))
    assert result
    assert (result.run, result.result.number, Loud.read) == ("001", 150, 1)
    assert found.find(key(300)) is None
    assert found.find(key(150, b"87654321")) is None
    assert found.codes_of(key(150).call) == [CODE]
    found.close()


def test_the_newest_of_equal_results_is_taken(tmp_path: Path) -> None:
    for run in ("2", "010", "003"):
        write(tmp_path / run, {key(1): run})
    found = earlier(tmp_path).find(key(1))
    assert found
    assert found.result == "010"


def test_the_file_of_a_run_is_as_parsl_writes_it(tmp_path: Path) -> None:
    file = write(tmp_path / "000", {key(1): "one", key(2): None})
    with file.open("rb") as stream:
        records = [pickle.load(stream), pickle.load(stream)]
    assert records == [
        {"hash": str(each), "exception": None, "result": result}
        for each, result in ((key(1), "one"), (key(2), None))
    ]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(f): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_what_the_index_lacks_is_looked_at_once_and_no_run_is_edited(tmp_path: Path) -> None:
    """As after a kill between a result and its entry, or where the index is lost."""
    file = write(tmp_path / "000", {key(n): Loud(n) for n in range(10)})
    index = file.with_suffix(".index")
    for size in (0, 7, len(index.read_bytes()) - 50):
        index.write_bytes(index.read_bytes()[:size])
        before = snapshot(tmp_path / "000")
        for looked_at in (True, False):
            Loud.read = 0
            found = earlier(tmp_path)
            assert found.count == 10
            assert bool(Loud.read) == looked_at
            assert found.find(key(9))
            found.close()
        assert snapshot(tmp_path / "000") == before
        (tmp_path / "polaris_parsl" / "000.index").unlink()


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_checkpoint_that_is_cut_off_gives_its_whole_results(tmp_path: Path, cut: int) -> None:
    for has_index in (True, False):
        run = tmp_path / str(int(has_index))
        file = write(run / "000", {key(n): n for n in range(3)})
        os.truncate(file, file.stat().st_size - cut)
        if not has_index:
            file.with_suffix(".index").unlink()
        found = earlier(run)
        assert found.count == 2
        assert "ends in the middle of a result; 2 whole" in found.problems.damaged[0]
        assert earlier(run).problems.damaged == []


def test_results_behind_a_damage_are_found_by_the_index(tmp_path: Path) -> None:
    file = write(tmp_path / "000", {key(n): f"result {n}" for n in range(3)})
    content = file.read_bytes()
    file.write_bytes(content.replace(b"result 1", b"result 9"))
    found = earlier(tmp_path)
    assert [found.find(key(n)) is not None for n in (0, 2)] == [True, True]
    with pytest.raises(ResultError, match=r"000/checkpoint/tasks\.pkl: it has changed"):
        found.find(key(1))


def test_a_result_that_a_later_run_computed_again_makes_up_for_a_damaged_one(
    tmp_path: Path,
) -> None:
    write(tmp_path / "000", {key(1): "one"})
    file = write(tmp_path / "001", {key(1): "one"})
    file.write_bytes(file.read_bytes().replace(b"one", b"two"))
    found = earlier(tmp_path).find(key(1))
    assert found
    assert found.run == "000"


@pytest.mark.parametrize("what", ["", "checkpoint", "checkpoint/tasks.pkl"])
def test_what_others_can_write_is_not_read(tmp_path: Path, what: str) -> None:
    write(tmp_path / "000", {key(1): Loud(1)})
    write(tmp_path / "001", {key(2): 2})
    place = tmp_path / "000" / what
    for mode in (0o020, 0o002):
        place.chmod(place.stat().st_mode & 0o755 | mode)
        Loud.read = 0
        found = earlier(tmp_path)
        assert [found.find(key(1)), Loud.read] == [None, 0]
        assert found.find(key(2))
        assert [each.path for each in found.problems.not_own] == [place]
        assert "can be written by others (mode" in str(found.problems.not_own[0])


@pytest.mark.parametrize("what", ["", "checkpoint", "checkpoint/tasks.pkl"])
def test_what_a_link_leads_to_is_not_read(tmp_path: Path, what: str) -> None:
    write(tmp_path / "runs" / "000", {key(1): Loud(1)})
    place = tmp_path / "runs" / "000" / what
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    found = earlier(tmp_path / "runs")
    assert found.find(key(1)) is None
    assert [each.path for each in found.problems.not_own] == [place]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("what", ["", "checkpoint", "checkpoint/tasks.pkl"])
def test_what_belongs_to_somebody_else_is_not_read(tmp_path: Path, what: str) -> None:
    write(tmp_path / "000", {key(1): Loud(1)})
    place = tmp_path / "000" / what
    os.chown(place, 12345, -1)
    found = earlier(tmp_path)
    assert found.find(key(1)) is None
    assert str(found.problems.not_own[0]) == f"{place} belongs to user 12345"


def test_a_checkpoint_that_is_replaced_after_the_start_is_looked_at_again(tmp_path: Path) -> None:
    file = write(tmp_path / "000", {key(1): Loud(1)})
    found = earlier(tmp_path)
    file.chmod(0o666)
    Loud.read = 0
    with pytest.raises(ResultError, match="can be written by others"):
        found.find(key(1))
    assert Loud.read == 0


def test_an_index_that_others_can_write_is_not_used(tmp_path: Path) -> None:
    file = write(tmp_path / "000", {key(1): 1})
    index = file.with_suffix(".index")
    index.write_bytes(index.read_bytes().replace(key(1).call, key(2).call))
    index.chmod(0o666)
    found = earlier(tmp_path)
    assert found.find(key(1))
    assert found.find(key(2)) is None


def test_a_pipe_in_place_of_a_checkpoint_does_not_block(tmp_path: Path) -> None:
    (tmp_path / "000" / "checkpoint").mkdir(parents=True)
    os.mkfifo(tmp_path / "000" / "checkpoint" / "tasks.pkl", 0o600)
    assert "no regular file" in str(earlier(tmp_path).problems.not_own[0])


def test_a_run_of_a_user_with_umask_002_is_read_by_the_next(tmp_path: Path) -> None:
    before = os.umask(0o002)
    try:
        write(tmp_path / "000", {key(1): 1})
    finally:
        os.umask(before)
    assert earlier(tmp_path).find(key(1))


def test_results_that_do_not_say_of_which_code_they_are_wait_to_be_asked_for(
    tmp_path: Path,
) -> None:
    """As Parsl writes them."""
    folder = tmp_path / "000" / "checkpoint"
    folder.mkdir(parents=True)
    with (folder / "tasks.pkl").open("wb") as stream:
        for number in range(3):
            pickle.dump({"hash": f"{number:032x}", "exception": None, "result": number}, stream)
    found = earlier(tmp_path)
    assert (found.count, found.problems.without_code) == (0, ["000"])
    found = earlier(tmp_path, takes_unknown_code=True)
    assert found.count == 3
    result = found.find(Key(bytes.fromhex(f"{2:032x}"), UNKNOWN_CODE))
    assert result
    assert result.result == 2


def test_a_full_disk_leaves_no_part_of_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "000").mkdir()
    file = ResultsFile(tmp_path / "000")
    file.add(key(0), "zero")
    real, room = os.write, [30]

    def write_some(number: int, data: Any) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        written = real(number, bytes(data)[: room[0]])
        room[0] -= written
        return written

    for space in (30, 100, 170):
        room[0] = space
        monkeypatch.setattr(os, "write", write_some)
        with pytest.raises(OSError, match="No space left"):
            file.add(key(1), "one" * 30)
    monkeypatch.setattr(os, "write", real)
    file.add(key(2), "two")
    file.close()
    found = earlier(tmp_path)
    assert found.problems.damaged == []
    assert [found.find(key(n)) is not None for n in range(3)] == [True, False, True]
