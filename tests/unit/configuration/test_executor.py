import os
import warnings
from pathlib import Path

import pytest
from parsl.executors import HighThroughputExecutor
from parsl.jobs.strategy import Strategy

import polaris_parsl
from polaris_parsl.configuration.blocks.block import Cause
from polaris_parsl.configuration.checkpoints.memoizer import CheckpointMemoizer
from polaris_parsl.configuration.executor import PolarisExecutor
from polaris_parsl.errors import OptionError


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_the_initial_blocks_are_asked_for_at_the_start_and_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: int
) -> None:
    config = polaris_parsl.config(
        account="datascience",
        queue="preemptable",
        address="10.0.0.1",
        run_dir=tmp_path,
        init_blocks=blocks,
        max_blocks=3,
    )
    (executor,) = config.executors
    assert isinstance(executor, PolarisExecutor)
    executor.run_dir = str(tmp_path)
    asked: list[int] = []
    monkeypatch.setattr(HighThroughputExecutor, "start", lambda _: None)
    monkeypatch.setattr(HighThroughputExecutor, "outstanding", lambda _: 0)
    monkeypatch.setattr(
        "polaris_parsl.configuration.executor.refuse_foreign_address", lambda _: None
    )
    monkeypatch.setattr(executor, "scale_out_facade", asked.append)

    executor.start()
    assert asked == [blocks]

    scaling = Strategy(strategy=config.strategy, max_idletime=config.max_idletime)
    scaling.add_executors([executor])
    for _ in range(2):
        scaling.strategize([executor])
    assert sum(asked) == blocks


def test_an_address_of_another_node_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 192.0.2.0/24 is for documents; no machine has it (RFC 5737)
    config = polaris_parsl.config(account="datascience", address="192.0.2.1", run_dir=tmp_path)
    (executor,) = config.executors
    started: list[object] = []
    monkeypatch.setattr(HighThroughputExecutor, "start", started.append)
    with pytest.raises(OptionError, match=r"cannot listen on address='192\.0\.2\.1'"):
        executor.start()
    assert started == []


@pytest.fixture
def with_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PolarisExecutor:
    """An executor that knows of three jobs, with tmp_path/qdel to delete them by."""
    config = polaris_parsl.config(account="datascience", address="10.0.0.1", run_dir=tmp_path)
    (executor,) = config.executors
    assert isinstance(executor, PolarisExecutor)
    judge = executor.watch.judge
    for number in ("1", "2", "3"):
        judge.take(judge.ask(number), f"{number}.pbs")
    judge.end(judge.blocks["2"], Cause.DONE, "has ended")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(HighThroughputExecutor, "shutdown", lambda *_: None)
    return executor


def qdel(folder: Path, script: str) -> None:
    (folder / "qdel").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "qdel").chmod(0o755)


def test_jobs_that_cannot_be_deleted_are_named(with_jobs: PolarisExecutor, tmp_path: Path) -> None:
    qdel(tmp_path, 'echo "qdel $*: Connection refused" >&2; exit 162')
    with pytest.warns(polaris_parsl.PolarisParslWarning, match=r"`qdel 1\.pbs 3\.pbs`"):
        with_jobs.shutdown()


def test_jobs_that_have_ended_meanwhile_are_no_complaint(
    with_jobs: PolarisExecutor, tmp_path: Path
) -> None:
    qdel(tmp_path, 'echo "qdel: Job has finished $1" >&2; exit 35')
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with_jobs.shutdown()


def test_a_process_that_the_driver_forked_leaves_the_jobs_alone(
    with_jobs: PolarisExecutor, tmp_path: Path
) -> None:
    qdel(tmp_path, f'echo "$*" >>{tmp_path}/deleted')
    with_jobs._delete_jobs_at_exit(os.getpid() + 1)
    assert not (tmp_path / "deleted").exists()
    with_jobs._delete_jobs_at_exit(os.getpid())
    assert (tmp_path / "deleted").read_text() == "1.pbs 3.pbs\n"


@pytest.mark.parametrize("has_results", [True, False])
def test_no_job_is_asked_for_until_a_task_is_there_if_results_may_be_in_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_results: bool
) -> None:
    config = polaris_parsl.config(account="datascience", address="10.0.0.1", run_dir=tmp_path)
    (executor,) = config.executors
    assert isinstance(executor, PolarisExecutor)
    (tmp_path / "001").mkdir()
    executor.run_dir = str(tmp_path / "001")
    monkeypatch.setattr(CheckpointMemoizer, "has_earlier_results", has_results)
    asked: list[int] = []
    waiting = 0
    monkeypatch.setattr(HighThroughputExecutor, "start", lambda _: None)
    monkeypatch.setattr(HighThroughputExecutor, "outstanding", lambda _: waiting)
    monkeypatch.setattr(
        "polaris_parsl.configuration.executor.refuse_foreign_address", lambda _: None
    )
    monkeypatch.setattr(executor, "scale_out_facade", asked.append)
    executor.start()
    executor.look_at_blocks()
    assert asked == ([] if has_results else [1])
    waiting = 1
    executor.look_at_blocks()
    assert asked == [1]


@pytest.mark.parametrize(
    ("task_walltime", "drain"), [("0:20:00", 39 * 60), ("0:58:59", 1), (None, None)]
)
def test_a_node_stops_taking_tasks_in_time_for_the_longest(
    tmp_path: Path, task_walltime: str | None, drain: int | None
) -> None:
    config = polaris_parsl.config(
        account="datascience", address="10.0.0.1", run_dir=tmp_path, task_walltime=task_walltime
    )
    (executor,) = config.executors
    assert isinstance(executor, PolarisExecutor)
    assert executor.drain_period == drain


def test_a_task_that_fits_no_block_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="do not fit into walltime='1:00:00'"):
        polaris_parsl.config(account="datascience", run_dir=tmp_path, task_walltime="0:59:00")
