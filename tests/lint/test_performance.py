"""docs/performance.md is what its template and the stored results make of it, and docs/scale.svg shows the prediction."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.scale.prediction import predict

ROOT = Path(__file__).parents[2]


@pytest.fixture
def performance(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    spec = importlib.util.spec_from_file_location(
        "performance", ROOT / "benchmarks" / "performance.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules.pop("rows", None)
    return module


def test_the_page_is_made_from_its_template_and_the_stored_results(performance: ModuleType) -> None:
    again = "run `.venv/bin/python benchmarks --page-only`; edit benchmarks/performance.md.j2"
    assert performance.PAGE.read_text() == performance.performance_page(), again


def test_each_row_has_a_script_and_each_result_a_row(performance: ModuleType) -> None:
    names = {row.name for row in performance.ROWS}
    assert {each.stem for each in performance.RESULTS.iterdir()} <= names
    assert all((performance.HERE / row.script).exists() for row in performance.ROWS)
    assert {bar["row"] for bar in performance.bars()} <= names


def test_each_bar_is_compared_with_a_number_of_its_row(performance: ModuleType) -> None:
    for bar in performance.bars():
        assert ("most" in bar) != ("least" in bar)
        if performance.stored(bar["row"]) is not None:
            assert performance.cell(bar["row"], bar["line"], bar["ours"]) is not None


def test_a_bar_that_is_not_met_is_said_with_its_floor(
    performance: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = {
        "tables": performance.tables("| s | page | ours |\n|---|---|---|\n| load | 2 | 1.5 |\n")
    }
    bar = {"what": "load", "row": "x", "line": "load", "page": "page", "ours": "ours", "most": 0.5}
    monkeypatch.setattr(performance, "stored", lambda _: result)
    monkeypatch.setattr(
        performance, "bars", lambda: [bar | {"floor": "the disk"}, bar | {"most": 1}]
    )
    missed, met = performance.bars_table().splitlines()[2:]
    assert missed == "| load | 2 | 1.5 | 0.75 | ≤ 0.5 | not met: the disk |"
    assert met.endswith("| ≤ 1 | met |")


def test_the_picture_shows_what_is_predicted() -> None:
    picture = (ROOT / "docs" / "scale.svg").read_text()
    pattern = r'aria-label="nodes: (\d+); path calls: ([\d.]+)([kM]?); recipe: ([^"]+)"'
    unit = {"": 1, "k": 1e3, "M": 1e6}
    drawn = {
        (int(nodes), recipe): float(number) * unit[prefix]
        for nodes, number, prefix, recipe in re.findall(pattern, picture)
    }
    workers = len(polaris().node.accelerators)
    assert {nodes for nodes, _ in drawn} >= {10, 100, 496}
    for nodes in {nodes for nodes, _ in drawn}:
        for each in predict(nodes, workers=workers):
            again = "run scripts/scale_picture.py"
            assert drawn[nodes, each.recipe] == pytest.approx(each.calls, rel=1e-4), again
