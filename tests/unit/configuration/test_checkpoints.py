import warnings
from pathlib import Path

import parsl
import pytest
from parsl.app.app import join_app, python_app
from parsl.config import Config
from parsl.dataflow.errors import BadCheckpoint
from parsl.executors import ThreadPoolExecutor

from polaris_parsl.configuration.checkpoints import CheckpointMemoizer
from polaris_parsl.configuration.run_record import RunRecord
from polaris_parsl.errors import PolarisParslWarning


def config(run_dir: Path, record: RunRecord | None = None) -> Config:
    return Config(
        executors=[ThreadPoolExecutor(label="threads")],
        memoizer=CheckpointMemoizer(record or RunRecord({})),
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


def test_an_app_without_cache_is_named_once(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught, parsl.load(config(tmp_path / "runs")):
        warnings.simplefilter("always")
        for number in range(3):
            forgotten(number).result()
            kept(str(tmp_path / "record"), number).result()
    messages = [str(w.message) for w in caught if issubclass(w.category, PolarisParslWarning)]
    assert len(messages) == 1
    assert "'forgotten'" in messages[0]
    assert "cache=True" in messages[0]


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
    assert file.with_suffix(".damaged").read_bytes() == before


def test_a_checkpoint_that_is_no_checkpoint_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "runs" / "000" / "checkpoint" / "tasks.pkl"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"not a pickle, but something that somebody may still want")
    with (
        pytest.raises(BadCheckpoint, match="Failed to load checkpoint"),
        parsl.load(config(tmp_path / "runs")),
    ):
        pass
    assert file.read_bytes().startswith(b"not a pickle")


@pytest.fixture(autouse=True)
def _parsl_is_left_clean() -> None:
    parsl.clear()
