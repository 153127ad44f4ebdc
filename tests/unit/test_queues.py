import pytest

from polaris_parsl.cli.queues import queues
from polaris_parsl.facts import polaris


def test_every_queue_stands_in_the_table_with_its_limits_and_doubts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    queues()
    printed = capsys.readouterr().out
    for queue in polaris().queues.values():
        (row,) = [line for line in printed.splitlines() if line.split()[0] == queue.name]
        assert f"{queue.nodes_min}-{queue.nodes_max}" in row
        assert (f"in doubt, {queue.name}: " in printed) == (queue.doubt is not None)
    assert "debug-scaling       1-10  0:05:00 to 1:00:00   1" in printed
    assert "source: ALCF docs/polaris/running-jobs/index.md, read 2026-11-22" in printed
