"""The note in a run directory which bundle was made of the run."""

import json
from pathlib import Path

from polaris_parsl.pins.mark import mark_as_pinned
from polaris_parsl.pins.run_record import read_run as read_for_bundle
from polaris_parsl.report.reading import read_run
from runs import usual_run


def test_a_report_finds_each_bundle_and_a_bundle_holds_none(tmp_path: Path) -> None:
    run = usual_run(tmp_path / "000")
    before = read_for_bundle(run)
    for name in ("first", "second"):
        assert mark_as_pinned(run, tmp_path / name, f"{name}-sha256") == ""
    pins = read_run(run).pins
    assert [Path(each["bundle"]).name for each in pins] == ["first", "second"]
    assert pins[0]["sha256"] == "first-sha256"
    assert read_for_bundle(run) == before


def test_a_link_in_its_place_is_not_followed_and_the_reason_is_said(tmp_path: Path) -> None:
    run = usual_run(tmp_path / "000")
    (run / "polaris_parsl" / "pins.jsonl").symlink_to(tmp_path / "mine")
    assert mark_as_pinned(run, tmp_path / "bundle", "f00d")
    assert not (tmp_path / "mine").exists()


def test_a_run_directory_that_is_gone_is_said(tmp_path: Path) -> None:
    assert "No such file" in mark_as_pinned(tmp_path / "gone", tmp_path / "bundle", "f00d")


def test_lines_of_others_among_the_pins_are_left_out(tmp_path: Path) -> None:
    run = usual_run(tmp_path / "000")
    lines = ["garbage", json.dumps({"bundle": ["a"], "sha256": 7}), *["{}"] * 3]
    (run / "polaris_parsl" / "pins.jsonl").write_text("\n".join(lines) + "\n")
    history = read_run(run)
    assert len(history.pins) == 1
    assert history.problems == ["4 lines of pins.jsonl cannot be read, and are left out"]
