"""`scale`: a table, JSON, and refusals."""

import json

import pytest

from polaris_parsl.cli.scale import scale
from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import polaris

Captured = pytest.CaptureFixture[str]


def test_the_table_has_a_row_for_each_size_and_recipe(capsys: Captured) -> None:
    scale()
    said = capsys.readouterr().out
    rows = [line.split()[0] for line in said.splitlines()[1:10]]
    assert rows == [*["10"] * 3, *["100"] * 3, *["496"] * 3]
    assert "(assumed)" in said


def test_a_rate_that_is_given_is_not_called_assumed(capsys: Captured) -> None:
    scale(nodes=[64], calls_per_second=1000.0)
    said = capsys.readouterr().out
    assert "answers 1,000 calls" in said
    assert "assumed" not in said


def test_json_says_what_was_measured_and_what_is_predicted(capsys: Captured) -> None:
    scale(nodes=[3], workers=2, as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert said["workers"] == 2
    assert said["measured"]["source"].startswith("benchmarks/node_calls.py")
    assert {each["nodes"] for each in said["predicted"]} == {3}
    assert all(each["calls"] > 0 and each["seconds"] > 0 for each in said["predicted"])


@pytest.mark.parametrize("nodes", [0, -1, polaris().node_count + 1])
def test_a_number_of_nodes_that_the_system_cannot_have_is_refused(nodes: int) -> None:
    with pytest.raises(OptionError, match=f"nodes={nodes} is out of range, from 1 to 560"):
        scale(nodes=[nodes])


def test_rates_and_workers_that_cannot_be_are_refused() -> None:
    with pytest.raises(OptionError, match="calls_per_second=0"):
        scale(calls_per_second=0.0)
    with pytest.raises(OptionError, match="gigabytes_per_second=nan"):
        scale(gigabytes_per_second=float("nan"))
    with pytest.raises(OptionError, match="workers=0 is out of range, from 1 to 64"):
        scale(workers=0)
