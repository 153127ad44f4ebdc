from pathlib import Path

import pytest
from parsl.executors import HighThroughputExecutor
from parsl.jobs.strategy import Strategy

import polaris_parsl
from polaris_parsl.executor import PolarisExecutor


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_the_initial_blocks_are_asked_for_at_the_start_and_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: int
) -> None:
    config = polaris_parsl.config(
        account="datascience",
        queue="preemptable",
        address="127.0.0.1",
        run_dir=tmp_path,
        init_blocks=blocks,
        max_blocks=3,
    )
    (executor,) = config.executors
    assert isinstance(executor, PolarisExecutor)
    asked: list[int] = []
    monkeypatch.setattr(HighThroughputExecutor, "start", lambda _: None)
    monkeypatch.setattr(HighThroughputExecutor, "outstanding", lambda _: 0)
    monkeypatch.setattr(executor, "scale_out_facade", asked.append)

    executor.start()
    assert asked == [blocks]

    scaling = Strategy(strategy=config.strategy, max_idletime=config.max_idletime)
    scaling.add_executors([executor])
    for _ in range(2):
        scaling.strategize([executor])
    assert sum(asked) == blocks
