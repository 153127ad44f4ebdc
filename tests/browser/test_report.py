"""The page of `polaris-parsl report` in a real browser: every figure is drawn, a click on a node shows it alone."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from chromium import Browser
from polaris_parsl.report.figures import figures_of
from polaris_parsl.report.page import page
from polaris_parsl.report.reading import read_run
from runs import BEGAN, attempt, beginning, block, event, usual_run, worker, write_run

# records of runs in the sandbox: the example of the tutorial, and one with faults
RECORDED = Path(__file__).parents[1] / "recorded" / "runs"
FIGURES = ("timeline", "utilisation", "blocks", "durations", "failures", "node-hours")
# so much of a page is in the documents
TOP = 800
# what is drawn of the nodes in a figure
SHOWN = "document.querySelectorAll('#{} .mark-rect path').length"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser")) as made:
        yield made


def write(folder: Path, *runs: Path) -> Path:
    path = folder / "report.html"
    path.write_text(page([figures_of(read_run(each), BEGAN + 1000) for each in runs]))
    return path


def keep(picture: Path, name: str) -> None:
    """Keep a picture where somebody can look at it, if POLARIS_PARSL_SCREENSHOTS says where."""
    if kept := os.environ.get("POLARIS_PARSL_SCREENSHOTS"):
        Path(kept).mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, Path(kept) / f"{name}.png")


def many_tasks(folder: Path, count: int) -> Path:
    """A run of many tasks on 40 nodes."""
    workers = [worker(each, f"n{each // 4:02}", str(each % 4)) for each in range(160)]
    tasks = [
        attempt(each, 20 + each // 160, 20.9 + each // 160, each % 160, app=f"app{each % 3}")
        for each in range(count)
    ]
    events = [
        beginning(), event("executor", 1, executor="gpu", nodes=40, workers=4), *block(0, 10, 20 + count / 160),
        event("executor_end", 21 + count / 160, executor="gpu"),
    ]  # fmt: skip
    return write_run(folder, events, [{"begun": [[0, count - 1]], "app": "app0"}, *workers, *tasks])


def test_every_figure_is_drawn_and_nothing_goes_wrong(browser: Browser, tmp_path: Path) -> None:
    browser.errors.clear()
    browser.requests.clear()
    file = write(tmp_path, usual_run(tmp_path / "000"))
    browser.open(file)
    for name in FIGURES:
        marks = browser.run(
            f"document.querySelectorAll('#{name}-0 .mark-rect path, #{name}-0 .mark-area path').length"
        )
        assert marks, name
    assert browser.errors == []
    assert browser.requests == [file.as_uri()]
    for scheme, media in (("light", ""), ("dark", ""), ("light", "print")):
        picture = tmp_path / "page.png"
        browser.show(picture, scheme=scheme, media=media)
        keep(picture, f"report-{media or scheme}")
        assert picture.stat().st_size > 20_000


@pytest.mark.parametrize("name", ["demo", "faults"])
def test_pictures_of_real_runs_are_those_that_the_documents_show(
    browser: Browser, tmp_path: Path, name: str
) -> None:
    browser.errors.clear()
    shutil.copytree(RECORDED / name, tmp_path / "runinfo" / "000")
    browser.open(write(tmp_path, tmp_path / "runinfo" / "000"))
    assert browser.errors == []
    drawn = browser.run("[...document.querySelectorAll('.chart[data-drawn]')].map(each => each.id)")
    assert set(drawn) == {f"{each}-0" for each in FIGURES if name == "faults" or each != "failures"}
    browser.run("document.querySelector('section h1').textContent = 'runinfo/000'")
    for scheme in ("light", "dark"):
        picture = tmp_path / f"{scheme}.png"
        browser.show(picture, scheme=scheme)
        keep(picture, f"report-{name}-{scheme}")
        browser.show(picture, scheme=scheme, height=TOP)
        keep(picture, f"top-{name}-{scheme}")
        assert picture.stat().st_size < 200_000


def test_a_click_on_a_node_shows_it_alone_and_another_click_all(
    browser: Browser, tmp_path: Path
) -> None:
    browser.open(write(tmp_path, usual_run(tmp_path / "000")))
    shown = SHOWN.format("timeline-0")
    before = browser.run(shown)
    browser.click("#timeline-0 .mark-rect path")
    browser.settle()
    chosen = browser.run("document.querySelector('select.node').value")
    assert chosen in {"n0", "n1"}
    assert 0 < browser.run(shown) < before
    browser.click("#timeline-0 .mark-rect path")
    browser.settle()
    assert browser.run("document.querySelector('select.node').value") == ""
    assert browser.run(shown) == before


def test_a_node_is_chosen_with_the_keyboard_alone(browser: Browser, tmp_path: Path) -> None:
    browser.open(write(tmp_path, usual_run(tmp_path / "000")))
    shown = SHOWN.format("timeline-0")
    before = browser.run(shown)
    for _ in range(5):
        browser.press("Tab")
        if browser.run("document.activeElement.tagName") == "SELECT":
            break
    assert browser.run("document.activeElement.tagName") == "SELECT"
    browser.press("ArrowDown")
    browser.settle()
    assert browser.run("document.querySelector('select.node').value") == "n0"
    assert browser.run(shown) < before


def test_names_with_html_in_them_are_text(browser: Browser, tmp_path: Path) -> None:
    browser.errors.clear()
    name = "</script><img src=x onerror=document.title=666>"
    tasks = [worker(0, name, name), {"reason": 0, "error": name, "message": name}]
    tasks.append(attempt(0, 1, 2, app=name, result="failed", reason=0))
    browser.open(write(tmp_path, write_run(tmp_path / "000", [beginning(workflow=name)], tasks)))
    assert browser.run("document.images.length") == 0
    assert browser.run("document.title").startswith("Report")
    assert browser.errors == []


def test_a_hundred_thousand_tasks_are_drawn_and_stay_below_5_mb(
    browser: Browser, tmp_path: Path
) -> None:
    browser.errors.clear()
    file = write(tmp_path, many_tasks(tmp_path / "000", 100_000))
    assert file.stat().st_size < 5_000_000
    browser.open(file)
    assert browser.errors == []
    assert 1000 < browser.run(SHOWN.format("timeline-0")) <= 6000
    picture = tmp_path / "page.png"
    browser.show(picture)
    keep(picture, "report-100000-tasks")


def test_runs_stand_side_by_side_and_a_click_in_one_leaves_the_other(
    browser: Browser, tmp_path: Path
) -> None:
    browser.open(write(tmp_path, usual_run(tmp_path / "000"), usual_run(tmp_path / "001")))
    other = browser.run(SHOWN.format("timeline-1"))
    assert browser.run(SHOWN.format("node-hours-of-all"))
    browser.click("#timeline-0 .mark-rect path")
    browser.settle()
    values = "[...document.querySelectorAll('select.node')].map(each => each.value)"
    assert [bool(each) for each in browser.run(values)] == [True, False]
    assert browser.run(SHOWN.format("timeline-1")) == other
