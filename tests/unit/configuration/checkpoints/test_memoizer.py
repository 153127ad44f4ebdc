import gc
import json
import linecache
import subprocess
import sys
import warnings
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import parsl
import pytest
from parsl.app.app import join_app, python_app
from parsl.config import Config
from parsl.dataflow.memoization import BasicMemoizer
from parsl.executors import ThreadPoolExecutor

from polaris_parsl.configuration.checkpoints.memoizer import CheckpointMemoizer
from polaris_parsl.configuration.record.run_record import RunRecord
from polaris_parsl.errors import PolarisParslWarning


def config(run_dir: Path, record: RunRecord | None = None, version: str | None = None) -> Config:
    return Config(
        executors=[ThreadPoolExecutor(label="threads")],
        memoizer=CheckpointMemoizer(record or RunRecord({}), version),
        run_dir=str(run_dir),
        initialize_logging=False,
    )


@python_app(cache=True)
def kept(record: str, number: int) -> int:
    with open(record, "a") as stream:  # noqa: PTH123 - runs by itself
        stream.write(f"{number}\n")
    return number * number


@python_app
def forgotten(number: int) -> int:
    return number


@python_app(cache=True)
def broken(_: object) -> None:
    raise ValueError("broken")


@join_app(cache=True)
def joined(record: str, number: int) -> object:
    return kept(record, number)


def test_tasks_are_counted_as_parsl_counts_them(tmp_path: Path) -> None:
    """Its own counts are the measure, in each of two runs with the same checkpoints."""
    found = []
    for _ in range(2):
        record = RunRecord({})
        with parsl.load(config(tmp_path / "runs", record)) as kernel:
            kept(str(tmp_path / "record"), 1).result()
            kept(str(tmp_path / "record"), 1).result()  # a result of this run
            failed = broken(2)
            broken(failed).exception()  # it never begins
            joined(str(tmp_path / "record"), 3).result()
            parsls = {state.name: count for state, count in kernel.task_state_counts.items()}
            submitted = kernel.task_count
        counts = record.tasks.as_facts()
        assert counts["states"] == {name: count for name, count in parsls.items() if count}
        assert counts["tasks"] == submitted
        assert counts["unfinished"] == 0
        found.append((counts["states"]["memo_done"], counts["from_checkpoints"]))
    # in the first run only the repeated call; in the second that one is of the earlier run, too
    assert found == [(1, 0), (3, 3)]


def test_the_second_run_takes_every_result_from_the_checkpoints(tmp_path: Path) -> None:
    record = tmp_path / "record"
    for _ in range(2):
        with parsl.load(config(tmp_path / "runs")):
            assert [kept(str(record), n).result() for n in range(3)] == [0, 1, 4]
    assert record.read_text().split() == ["0", "1", "2"]


def test_of_a_task_that_has_ended_only_its_result_is_kept(tmp_path: Path) -> None:
    """Parsl's record of it, which its future holds, would be kilobytes of memory for each task."""
    with parsl.load(config(tmp_path / "runs")) as kernel:
        futures = [kept(str(tmp_path / "record"), number) for number in range(20)]
        kernel.wait_for_current_tasks()
        gone = [weakref.ref(each) for each in futures]
        assert [each.result() for each in futures][-1] == 361
        futures.clear()
        gc.collect()
        # threads of the executor may still hold the last ones
        assert len([each for each in gone if each() is not None]) < 10
        assert kept(str(tmp_path / "record"), 19).result() == 361
    assert len((tmp_path / "record").read_text().split()) == 20


def test_an_app_without_cache_is_named_once(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught, parsl.load(config(tmp_path / "runs")):
        warnings.simplefilter("always")
        for number in range(3):
            forgotten(number).result()
            kept(str(tmp_path / "record"), number).result()
    (warned,) = (each for each in caught if issubclass(each.category, PolarisParslWarning))
    assert "'forgotten'" in str(warned.message)
    assert "cache=True" in str(warned.message)
    # where the app stands
    place = linecache.getline(warned.filename, warned.lineno + 1)
    assert place.startswith("def forgotten(")


def test_results_of_one_run_directory_are_unknown_in_another(tmp_path: Path) -> None:
    record = tmp_path / "record"
    for name in ("one", "two"):
        with parsl.load(config(tmp_path / name)):
            kept(str(record), 5).result()
    assert record.read_text().split() == ["5", "5"]


def test_a_checkpoint_cut_off_by_a_killed_driver_still_gives_its_whole_results(
    tmp_path: Path,
) -> None:
    record = tmp_path / "record"
    with parsl.load(config(tmp_path / "runs")):
        for number in range(3):
            kept(str(record), number).result()
    file = tmp_path / "runs" / "000" / "checkpoint" / "tasks.pkl"
    before = file.read_bytes()[:-5]
    file.write_bytes(before)
    (tmp_path / "runs" / "001" / "checkpoint").mkdir(parents=True)

    with (
        pytest.warns(PolarisParslWarning, match="2 whole results"),
        parsl.load(config(tmp_path / "runs")),
    ):
        assert [kept(str(record), number).result() for number in range(3)] == [0, 1, 4]
    assert record.read_text().split() == ["0", "1", "2", "2"]
    # its driver may still be writing
    assert file.read_bytes() == before
    with parsl.load(config(tmp_path / "runs")):  # no warning: it was reported
        assert [kept(str(record), number).result() for number in range(3)] == [0, 1, 4]
    assert record.read_text().split() == ["0", "1", "2", "2"]


def test_a_checkpoint_that_is_no_checkpoint_is_reported_once_and_the_others_are_used(
    tmp_path: Path,
) -> None:
    record, file = tmp_path / "record", tmp_path / "runs" / "001" / "checkpoint" / "tasks.pkl"
    with parsl.load(config(tmp_path / "runs")):
        kept(str(record), 1).result()
    file.parent.mkdir(parents=True)
    file.write_bytes(b"not a pickle, but something that somebody may still want")
    with (
        pytest.warns(PolarisParslWarning, match="001/checkpoint/tasks.pkl: UnpicklingError"),
        parsl.load(config(tmp_path / "runs")),
    ):
        kept(str(record), 1).result()
    with parsl.load(config(tmp_path / "runs")):
        kept(str(record), 1).result()
    assert record.read_text().split() == ["1"]
    assert file.read_bytes().startswith(b"not a pickle")


def edited(old: str = "", new: str = "") -> Any:
    """An app of a script, as it is or edited."""
    source = "FACTOR = 2\ndef app(number):\n    return FACTOR * number\n"
    names: dict[str, Any] = {"__name__": "script"}
    exec(compile(source.replace(old, new), "script.py", "exec"), names)  # noqa: S102 - the text above
    return python_app(cache=True)(names["app"])


def results(
    run_dir: Path, app: Any, version: str | None = None
) -> tuple[list[int], dict[str, Any]]:
    """The results of a run, and what it counted of earlier ones."""
    record = RunRecord({})
    with parsl.load(config(run_dir, record, version)) as kernel:
        record.begin(Path(kernel.run_dir), "x")
        found = [app(number).result() for number in range(3)]
    lines = (Path(kernel.run_dir) / "polaris_parsl" / "run.jsonl").read_text().splitlines()
    events = [each for each in map(json.loads, lines) if each["event"] == "checkpoints"]
    return found, {key: events[0][key] for key in ("taken", "left")} if events else {}


def test_an_edited_app_does_not_return_its_old_results(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    assert results(runs, edited()) == ([0, 2, 4], {})
    assert results(runs, edited()) == ([0, 2, 4], {"taken": {"000": 3}, "left": {}})
    for old, new in (("FACTOR *", "3 *"), ("FACTOR = 2", "FACTOR = 3")):
        with pytest.warns(
            PolarisParslWarning, match="'app'.*left and computed again.*changed; check"
        ):
            found = results(runs, edited(old, new))
        assert found == ([0, 3, 6], {"taken": {}, "left": {"app": 3}})
    # as it was again: the newest of those that fit
    assert results(runs, edited()) == ([0, 2, 4], {"taken": {"000": 3}, "left": {}})


def test_the_user_can_say_that_a_change_does_not_matter(tmp_path: Path) -> None:
    runs, other = tmp_path / "runs", edited("FACTOR *", "3 *")
    results(runs, edited())
    assert results(runs, other, "ignore") == ([0, 2, 4], {"taken": {"000": 3}, "left": {}})
    with pytest.warns(PolarisParslWarning, match="not made with checkpoint_version='2'"):
        assert results(runs, other, "2") == ([0, 3, 6], {"taken": {}, "left": {"app": 3}})
    assert results(runs, edited(), "2")[0] == [0, 3, 6]
    with pytest.warns(PolarisParslWarning, match="not made with checkpoint_version='3'"):
        assert results(runs, edited(), "3")[0] == [0, 2, 4]


def test_results_of_parsl_itself_are_taken_if_the_user_says_so(tmp_path: Path) -> None:
    """They do not say of which code they are."""
    record, runs = tmp_path / "record", tmp_path / "runs"
    memoizer = BasicMemoizer(checkpoint_mode="task_exit")
    threads = [ThreadPoolExecutor(label="threads")]
    plain = Config(
        executors=threads, memoizer=memoizer, run_dir=str(runs), initialize_logging=False
    )
    with parsl.load(plain):
        kept(str(record), 3).result()
    with (
        pytest.warns(
            PolarisParslWarning, match=r"1 earlier runs \(000\) do not say.*'ignore' takes"
        ),
        parsl.load(config(runs)),
    ):
        pass
    with parsl.load(config(runs, version="ignore")):
        assert kept(str(record), 3).result() == 9
    assert record.read_text().split() == ["3"]


def test_a_result_that_came_from_a_checkpoint_is_not_written_again(tmp_path: Path) -> None:
    for _ in range(3):
        results(tmp_path / "runs", edited())
    assert [each.parent.parent.name for each in tmp_path.rglob("tasks.pkl")] == ["000"]


def test_a_value_without_a_key_is_named_and_its_task_runs(tmp_path: Path) -> None:
    @python_app(cache=True)
    def of(value: object) -> str:
        return type(value).__name__

    arrays = [np.arange(3), b"x", tmp_path, {"x": np.zeros(2)}]
    for _ in range(2):
        with parsl.load(config(tmp_path / "runs")):
            with pytest.warns(PolarisParslWarning, match="(?s)'of'.*object.*ignore_for_cache"):
                assert of(object()).result() == "object"
            assert of([object()]).result() == "list"
            found = [of(each) for each in arrays]
            assert [each.result() for each in found] == ["ndarray", "bytes", "PosixPath", "dict"]
            from_memo = [each.task_record["from_memo"] for each in found]
    assert from_memo == [True] * 4


def test_a_result_that_cannot_be_pickled_is_named_and_returned(tmp_path: Path) -> None:
    @python_app(cache=True)
    def opened() -> object:
        return (each for each in "ab")

    with parsl.load(config(tmp_path / "runs")):
        with pytest.warns(PolarisParslWarning, match="'opened' goes into no checkpoint.*pickle"):
            assert "".join(opened().result()) == "ab"
        results_after = [kept(str(tmp_path / "record"), n).result() for n in range(2)]
    assert results_after == [0, 1]


def test_what_others_could_have_written_is_refused_by_name_with_the_remedy(tmp_path: Path) -> None:
    results(tmp_path / "runs", edited())
    place = tmp_path / "runs" / "000" / "checkpoint"
    place.chmod(0o777)
    with pytest.warns(PolarisParslWarning) as caught:
        assert results(tmp_path / "runs", edited()) == ([0, 2, 4], {})
    message = str(caught[0].message)
    assert f"{place} can be written by others (mode 777)" in message
    assert "a checkpoint is a pickle" in message
    assert "fix: `chmod go-w`" in message


@pytest.fixture(autouse=True)
def _parsl_is_left_clean() -> None:
    parsl.clear()


SCRIPT = """
import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors import ThreadPoolExecutor
from polaris_parsl.configuration.checkpoints.memoizer import CheckpointMemoizer
from polaris_parsl.configuration.record.run_record import RunRecord

@python_app(cache=True)
def work(number):
    print("computed")
    return number

memoizer = CheckpointMemoizer(RunRecord({}))
threads = ThreadPoolExecutor(label="threads")
with parsl.load(Config(executors=[threads], memoizer=memoizer, run_dir="runs")):
    work(1).result()
"""


def test_scripts_of_one_directory_take_no_results_of_each_other(tmp_path: Path) -> None:
    computed = []
    for name in ("one.py", "two.py", "one.py"):
        (tmp_path / name).write_text(SCRIPT)
        done = subprocess.run(
            [sys.executable, name], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        computed.append(done.stdout.count("computed"))
    assert computed == [1, 1, 0]
