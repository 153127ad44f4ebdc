import pytest

from polaris_parsl.cli.queues import queues
from polaris_parsl.facts import polaris


def test_every_queue_stands_in_the_table_with_its_limits_and_disputes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    queues()
    printed = capsys.readouterr().out
    for queue in polaris().queues.values():
        (row,) = [line for line in printed.splitlines() if line.split()[0] == queue.name]
        assert f"{queue.nodes_min}-{queue.nodes_max}" in row
        assert printed.count(f"disputed: {queue.name}, ") == len(queue.disputed)
    assert "debug                1-2  0:05:00 to 1:00:00   1/user      2/user       24" in printed
    assert "disputed: capacity, max_run = 1/user: a live qstat of 2026-09-22 has" in printed
    assert "source: ALCF docs/polaris/running-jobs/index.md, read 2026-11-22" in printed
