"""Generations of decisions: one after the other, whoever writes them."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from polaris_parsl.env.prefix.state import Deprecation, State, commit, history, read_state
from polaris_parsl.errors import VersionError

NOTICE = Deprecation(date(2027, 3, 31), "a newer Parsl")


def chosen(name: str) -> "State":
    return State(default=name)


def test_without_a_decision_there_is_generation_0(tmp_path: Path) -> None:
    assert read_state(tmp_path) == State()
    assert list(history(tmp_path)) == []


def test_what_was_committed_is_read_again(tmp_path: Path) -> None:
    decided = State(default="2026.9.0", deprecated={"1.0": NOTICE}, withdrawn=frozenset({"2.0"}))
    before, after = commit(tmp_path, "try", lambda _: decided)
    assert before == State()
    assert read_state(tmp_path) == after
    assert after.decides_as(decided)
    assert (after.generation, after.change) == (1, "try")
    assert "@" in after.by
    assert after.at.endswith("+00:00")


def test_a_decision_that_changes_nothing_adds_no_generation(tmp_path: Path) -> None:
    commit(tmp_path, "first", lambda _: chosen("1.0"))
    before, after = commit(tmp_path, "again", lambda state: replace(state, default="1.0"))
    assert before == after
    assert after.generation == 1


def test_an_install_adds_a_generation_in_any_case(tmp_path: Path) -> None:
    commit(tmp_path, "first", lambda _: chosen("1.0"))
    _, after = commit(tmp_path, "install b", lambda state: state, always=True)
    assert after.generation == 2


def test_who_is_second_decides_again_on_what_the_first_decided(tmp_path: Path) -> None:
    seen = []

    def decide(state: State) -> State:
        seen.append(state.generation)
        if len(seen) == 1:
            commit(tmp_path, "faster", lambda _: State(deprecated={"1.0": NOTICE}))
        return replace(state, default="2.0")

    _, after = commit(tmp_path, "slower", decide)
    assert seen == [0, 1]
    assert (after.generation, after.default, after.deprecated) == (2, "2.0", {"1.0": NOTICE})


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from dataclasses import replace\n"
        "from pathlib import Path\n"
        "from polaris_parsl.env.prefix.state import commit\n"
        "prefix, me = Path(sys.argv[1]), sys.argv[2]\n"
        "for number in range(20):\n"
        "    commit(prefix, 'count', lambda s: replace(s, withdrawn=s.withdrawn | {f'{me}.{number}'}))\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(each)])
        for each in range(3)
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert [state.generation for state in history(tmp_path)] == list(range(60, 0, -1))
    assert len(read_state(tmp_path).withdrawn) == 60
    assert {path.suffix for path in (tmp_path / "state").iterdir()} == {".json"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', "\udcff"])
def test_a_damaged_generation_is_named_with_the_way_out(tmp_path: Path, text: str) -> None:
    commit(tmp_path, "first", lambda _: chosen("1.0"))
    commit(tmp_path, "second", lambda _: chosen("2.0"))
    path = tmp_path / "state/00000002.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(VersionError, match=r"00000002\.json is damaged.*\n.*rm "):
        read_state(tmp_path)
    path.unlink()
    assert read_state(tmp_path).default == "1.0"


def test_a_generation_of_a_later_format_is_left_to_later_versions(tmp_path: Path) -> None:
    commit(tmp_path, "first", lambda _: chosen("1.0"))
    path = tmp_path / "state/00000001.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    with pytest.raises(VersionError, match="has format 2"):
        read_state(tmp_path)


def test_other_files_in_the_folder_are_no_generations(tmp_path: Path) -> None:
    commit(tmp_path, "first", lambda _: chosen("1.0"))
    for name in ("00000009.json~", "9.json", ".00000009.json", "notes.json"):
        (tmp_path / "state" / name).write_text("{}")
    assert read_state(tmp_path).generation == 1
