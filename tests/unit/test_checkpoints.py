import warnings
from pathlib import Path

import parsl
import pytest
from parsl.app.app import python_app
from parsl.config import Config
from parsl.executors import ThreadPoolExecutor

from polaris_parsl.checkpoints import CheckpointMemoizer
from polaris_parsl.errors import PolarisParslWarning


def config(run_dir: Path) -> Config:
    return Config(
        executors=[ThreadPoolExecutor(label="threads")],
        memoizer=CheckpointMemoizer(),
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


@pytest.fixture(autouse=True)
def _parsl_is_left_clean() -> None:
    parsl.clear()
