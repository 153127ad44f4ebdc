"""The page and the text of a run: whole in one file, and harmless whatever the names in it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.report.as_text import as_text, comparison, table
from polaris_parsl.report.charts import charts_of, node_hours
from polaris_parsl.report.figures import figures_of
from polaris_parsl.report.page import page
from polaris_parsl.report.reading import read_run
from polaris_parsl.text import printable
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
    assert json.loads(data[1])["timeline-0"]["data"]["values"][0]["node"] == printable(HOSTILE)
    assert not re.search("[\x1b\u202e]", made)


def test_several_runs_stand_side_by_side(tmp_path: Path) -> None:
    runs = [figures(usual_run(tmp_path / name)) for name in ("000", "001")]
    made = page(runs)
    assert "2 runs side by side" in made
    assert 'id="timeline-1"' in made
    rows = comparison(runs)
    assert all(len(row) == 3 for row in rows)
    assert len({len(line.partition("  ")[0]) for line in table(rows)}) > 1


def test_runs_of_the_same_name_have_as_much_of_their_path_as_tells_which_is_which(
    tmp_path: Path,
) -> None:
    runs = [figures(usual_run(tmp_path / name / "runinfo" / "000")) for name in ("a", "b")]
    spec = node_hours(runs)
    assert spec
    names = {each["run"] for each in spec["data"]["values"]}
    assert names == {"a/runinfo/000", "b/runinfo/000"}


def test_the_text_names_tasks_blocks_failures_and_advice(tmp_path: Path) -> None:
    text = as_text(figures(usual_run(tmp_path)))
    assert "40 of 45 done, 3 failed, 1 not run, 1 not ended; 2 retries, 1 attempt lost" in text
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


# what a report has to show, as page, text and JSON name it
NOUNS = {
    "timeline of each node and GPU": ("n0 \\u00b7 GPU 0", r"n0 · GPU 0 +\|", "timeline.rows"),
    "utilisation": ("Utilisation", r"busy workers: .*, 3\d% of the time", "timeline.busy_share"),
    "queue wait of a block": ("100.0 s", r"gpu 1 +1 +1 +100.0 s", "blocks.1.waited"),
    "run time of a block": ("5.0 min", r"gpu 1 .* 5.0 min", "blocks.1.ran"),
    "durations by app": ("Task durations", r"simulate +40 +8.0 s", "durations.0.tasks"),
    "failures by cause": ("ValueError", r"3 attempts of 3 tasks failed: ValueError", "failures.0.error"),
    "the worker's own message": (
        "the mesh 17 has no cells", r"the mesh 17 has no cells", "failures.0.message",
    ),
    "retries": ("2 retries", r"2 retries", "tasks.retries"),
    "node-hours used": ("0.0444 used", r"used 0.0444", "node_hours.used"),
    "node-hours idle": ("0.12 idle", r"idle 0.12", "node_hours.idle"),
    "node-hours wasted": ("0.0126 wasted", r"wasted 0.0126", "node_hours.wasted"),
    "version": ("2026.11.1", r"polaris_parsl: +2026.11.1", "environment.polaris_parsl"),
    "base": ("/soft/base", r"base: +/soft/base", "environment.base"),
    "drift": ("numpy 1 -&gt; 2", r"drift: +numpy 1 -> 2", "environment.drift.0"),
    "pin": ("/home/you/paper", r"pin: +/home/you/paper, sha256 f00d", "environment.pins.0.bundle"),
    "advice": ("workers waited 68%", r"advice: workers waited 68%", "advice.0"),
}  # fmt: skip


@pytest.mark.parametrize("noun", NOUNS)
def test_what_a_report_shows_is_on_the_page_in_the_text_and_in_json(
    tmp_path: Path, noun: str
) -> None:
    run = usual_run(tmp_path)
    own = run / "polaris_parsl"
    (own / "pins.jsonl").write_text('{"bundle": "/home/you/paper", "sha256": "f00d"}\n')
    first, rest = (own / "run.jsonl").read_text().split("\n", 1)
    install: dict[str, Any] = {
        "root": "/p",
        "locks": {},
        "base_module": None,
        "drift": ["numpy 1 -> 2"],
    }
    changed = json.dumps({**json.loads(first), "base": "/soft/base", "install": install})
    (own / "run.jsonl").write_text(f"{changed}\n{rest}")
    made = figures(run)
    on_page, in_text, in_json = NOUNS[noun]
    assert on_page in page([made])
    assert re.search(in_text, as_text(made))
    found: Any = json.loads(json.dumps(made))
    for part in in_json.split("."):
        found = found[int(part)] if isinstance(found, list) else found[part]
    assert found not in (None, [], "")


def test_a_name_with_a_line_break_begins_no_line_of_the_text(tmp_path: Path) -> None:
    name = "x\nadvice: pay"
    tasks = [
        worker(0, name, name),
        {"reason": 0, "error": name, "message": name},
        attempt(0, 1, 2, app=name, result="failed", reason=0),
    ]
    text = as_text(figures(write_run(tmp_path, [beginning(workflow=name)], tasks)))
    assert not any(line.startswith("advice: pay") for line in text.splitlines())
