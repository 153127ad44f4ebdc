"""The page and the text of a run: whole in one file, and harmless whatever the names in it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.report.as_text import as_text, comparison, table
from polaris_parsl.report.charts import charts_of
from polaris_parsl.report.figures import figures_of
from polaris_parsl.report.page import page
from polaris_parsl.report.reading import read_run
from runs import BEGAN, attempt, beginning, usual_run, worker, write_run

HOSTILE = "</script><img src=x onerror=alert(1)>\u202e\x1b[31m"


def figures(folder: Path) -> dict[str, Any]:
    return figures_of(read_run(folder), BEGAN + 1000)


def hostile_run(folder: Path) -> Path:
    tasks = [
        worker(0, HOSTILE, HOSTILE),
        {"reason": 0, "error": HOSTILE, "message": HOSTILE},
        attempt(0, 1, 2, app=HOSTILE, result="failed", reason=0),
    ]
    return write_run(folder, [beginning(workflow=HOSTILE, host=HOSTILE)], tasks)


def test_a_run_has_all_figures(tmp_path: Path) -> None:
    charts = charts_of(figures(usual_run(tmp_path)))
    assert list(charts) == [
        "timeline", "utilisation", "blocks", "durations", "failures", "node-hours",
    ]  # fmt: skip


def test_the_page_names_what_is_known_and_asks_no_network(tmp_path: Path) -> None:
    made = page([figures(usual_run(tmp_path))])
    for words in ("the mesh 17 has no cells", "workers waited", "given back", "2026.10.26"):
        assert words in made
    assert "default-src 'none'" in made
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", made.partition("<script>")[0])
    assert len(made) < 2_000_000


def test_names_with_html_in_them_are_shown_and_not_executed(tmp_path: Path) -> None:
    made = page([figures(hostile_run(tmp_path))])
    assert "<img" not in made
    assert made.count("</script>") == 3
    data = re.search(r'id="data">(.*?)</script>', made)
    assert data
    assert json.loads(data[1])["timeline-0"]["data"]["values"][0]["node"] == HOSTILE


def test_several_runs_stand_side_by_side(tmp_path: Path) -> None:
    runs = [figures(usual_run(tmp_path / name)) for name in ("000", "001")]
    made = page(runs)
    assert "2 runs side by side" in made
    assert 'id="timeline-1"' in made
    rows = comparison(runs)
    assert all(len(row) == 3 for row in rows)
    assert len({len(line.partition("  ")[0]) for line in table(rows)}) > 1


def test_the_text_names_tasks_blocks_failures_and_advice(tmp_path: Path) -> None:
    text = as_text(figures(usual_run(tmp_path)))
    assert "40 of 45 done, 3 failed, 1 not run, 1 not ended; 2 retries, 1 attempts lost" in text
    assert (
        "3 attempts of 3 tasks failed: ValueError: the mesh 17 has no cells (as task 40, on n1)"
        in text
    )
    assert re.search(r"gpu 1 +1 +1 +100.0 s +299.0 s|gpu 1 +1 +1 +100.0 s +5.0 min", text)
    assert "advice: " in text


@pytest.mark.parametrize("tasks", [None, []])
def test_a_run_in_which_nothing_happened_has_a_page_and_a_text(tmp_path: Path, tasks: Any) -> None:
    made = figures(write_run(tmp_path, [beginning()], tasks))
    assert "The run" in page([made])
    assert as_text(made).startswith(str(tmp_path))
