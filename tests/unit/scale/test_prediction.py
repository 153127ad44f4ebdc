"""What a block asks grows with its nodes and workers as the counts say."""

import re
from pathlib import Path

import pytest

from polaris_parsl.configuration.node import serve
from polaris_parsl.scale.prediction import Prediction, Rates, counts, levels, predict

PAGE, NOT_STAGED, STAGED = "page", "ours, stage=False", "ours"


def at(nodes: int, *, workers: int = 4, rates: Rates | None = None) -> dict[str, Prediction]:
    return {each.recipe: each for each in predict(nodes, workers=workers, rates=rates)}


def test_all_three_recipes_are_predicted_from_counts_with_their_source() -> None:
    assert set(at(1)) == {PAGE, NOT_STAGED, STAGED}
    assert set(counts()["measured"]) == {"date", "source", "parsl", "python", "base_packages"}


def test_of_staged_workers_only_the_first_node_reads_the_archive() -> None:
    one, two, many = (at(nodes)[STAGED].size for nodes in (1, 2, 496))
    assert one > 10 * (two - one)
    assert many - one == 495 * (two - one)


@pytest.mark.parametrize(("recipe", "share"), [(NOT_STAGED, 0.35), (STAGED, 0.005)])
def test_the_counts_keep_below_their_ceilings_at_every_size(recipe: str, share: float) -> None:
    for nodes in (1, 10, 100, 496):
        found = at(nodes)
        assert found[recipe].calls <= share * found[PAGE].calls


def test_a_worker_more_costs_at_most_20_calls_where_workers_are_staged() -> None:
    more, fewer = at(1, workers=5), at(1, workers=4)
    assert 0 < more[STAGED].calls - fewer[STAGED].calls <= 20
    assert more[PAGE].calls - fewer[PAGE].calls > 1000


def test_the_slower_of_calls_and_bytes_is_waited_for() -> None:
    slow_calls, slow_bytes = Rates(1000, 1000), Rates(1e9, 0.1)
    page = at(10, rates=slow_calls)[PAGE]
    assert page.waiting_seconds == pytest.approx(page.calls / 1000)
    page = at(10, rates=slow_bytes)[PAGE]
    assert page.waiting_seconds == pytest.approx(page.size / 1e8)
    assert page.seconds > page.waiting_seconds


@pytest.mark.parametrize(
    ("nodes", "expected"), [(1, 0), (2, 1), (5, 1), (6, 2), (21, 2), (22, 3), (64, 3), (496, 5)]
)
def test_the_archive_is_handed_on_in_a_tree(nodes: int, expected: int) -> None:
    assert levels(nodes, 4) == expected


def test_the_tree_is_that_of_the_nodes() -> None:
    script = Path(serve.__file__).with_name("stage.sh").read_text()
    (staged,) = (each for each in counts()["recipe"] if each["name"] == STAGED)
    assert re.search(rf"^fanout={staged['fanout']}\b", script, re.MULTILINE)
