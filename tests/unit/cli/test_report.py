"""`report`, `status` and `runs`, on the records of runs that are made up."""

import json
import os
import runpy
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import polaris_parsl
from code_blocks import ROOT, of
from polaris_parsl.cli.report import report
from polaris_parsl.cli.runs import runs
from polaris_parsl.cli.status import AskedJobs, status
from polaris_parsl.configuration.blocks.pbs import Pbs
from polaris_parsl.errors import PrefixError
from polaris_parsl.report.reading import read_run
from runs import beginning, block, event, usual_run, write_run

Captured = pytest.CaptureFixture[str]


def test_a_report_is_one_file(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "mine.html"
    report([usual_run(tmp_path / "000")], output=file)
    assert file.read_text().startswith("<!doctype html>")
    assert str(file) in capsys.readouterr().out
    assert sorted(each.name for each in tmp_path.iterdir()) == ["000", "mine.html"]


def test_a_report_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    usual_run(tmp_path / "000")
    (tmp_path / "taken").mkdir()
    with pytest.raises(PrefixError, match="cannot write"):
        report([tmp_path / "000"], output=tmp_path / "taken")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["000", "taken"]


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_report_is_as_closed_to_others_as_the_umask_says(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        report([usual_run(tmp_path / "000")], output=tmp_path / "mine.html")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "mine.html").stat().st_mode) == 0o666 & ~umask


def test_json_has_all_figures_and_of_several_runs_a_list(tmp_path: Path, capsys: Captured) -> None:
    usual_run(tmp_path / "000")
    report([tmp_path / "000"], as_json=True)
    assert json.loads(capsys.readouterr().out)["tasks"]["done"] == 40
    report([tmp_path / "000"] * 2, as_json=True)
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_terminal_escapes_in_names_are_shown_and_not_obeyed(
    tmp_path: Path, capsys: Captured
) -> None:
    events = [beginning(), *block(0, 5, 9, cause="\x1b[2J\x1b]0;title\x07")]
    write_run(tmp_path / "000", events, [])
    report([tmp_path], as_text=True)
    status(tmp_path, once=True)
    printed = capsys.readouterr().out
    assert printed.count("\\x1b[2J") == 2
    assert "\x1b" not in printed


def test_several_texts_begin_with_a_comparison(tmp_path: Path, capsys: Captured) -> None:
    report([usual_run(tmp_path / name) for name in ("000", "001")], as_text=True)
    assert capsys.readouterr().out.startswith("run ")


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_status_of_a_run_that_is_over_is_shown_and_ends(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    status(usual_run(tmp_path / "000"))
    printed = capsys.readouterr().out
    assert "40 of 45 done" in printed
    assert "walltime" in printed
    assert ("┃" in printed) == is_terminal
    status(tmp_path, as_json=True)
    assert json.loads(capsys.readouterr().out)["state"] == "ended"


def test_without_a_terminal_a_run_that_goes_on_is_shown_once(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    events = [beginning(host="elsewhere"), event("executor", 1, executor="gpu")]
    status(write_run(tmp_path, [*events, *block(0, 5, 9)[:3]], []))
    assert "ended" not in capsys.readouterr().out


def test_pbs_is_asked_at_most_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def run(_self: Pbs, command: list[str]) -> "subprocess.CompletedProcess[str]":
        asked.append(command)
        return subprocess.CompletedProcess(command, 1, "", "cannot connect")

    monkeypatch.setattr(Pbs, "run", run)
    monkeypatch.setattr(shutil, "which", lambda _name: "/usr/bin/qstat")
    events = [beginning(host="elsewhere"), event("executor", 1, executor="gpu")]
    events += [*block(0, 5, 9)[:3], *block(1, 5, 9)[:3]]
    history = read_run(write_run(tmp_path, events, []))
    jobs = AskedJobs()
    for now in range(1000, 1120, 5):
        jobs.ask(history, float(now))
    assert len(asked) == 2
    assert asked[0][-2:] == ["0.pbs", "1.pbs"]


def test_runs_are_listed(tmp_path: Path, capsys: Captured) -> None:
    usual_run(tmp_path / "000")
    runs(tmp_path)
    printed = capsys.readouterr().out
    assert "000" in printed
    assert f"next: polaris-parsl report {tmp_path}/000" in printed
    runs(tmp_path, as_json=True)
    assert json.loads(capsys.readouterr().out)[0]["state"] == "ended"


def test_the_commands_of_the_document_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("runinfo/000", "runinfo/001", "runs/003"):
        usual_run(tmp_path / name)
    commands = [
        line
        for block in of(ROOT / "docs" / "report.md")
        if block.kind == "bash"
        for line in block.text.splitlines()
    ]
    assert len(commands) == 8
    for command in commands:
        own = command.replace("polaris-parsl", f"{sys.executable} -m polaris_parsl", 1)
        subprocess.run(["/bin/bash", "-c", own], check=True)
    assert (tmp_path / "report.html").is_file()
    assert (tmp_path / "both.html").is_file()
    assert capfd.readouterr().out.count("40 of 45 done") >= 3


def test_the_example_of_the_document_runs(tmp_path: Path) -> None:
    (example,) = [each for each in of(ROOT / "docs" / "report.md") if each.kind == "python"]
    file = tmp_path / "example.py"
    file.write_text(example.text)
    with ThreadPoolExecutor() as pool:
        known = {"simulate": lambda x: pool.submit(pow, x, 2), "polaris_parsl": polaris_parsl}
        runpy.run_path(str(file), init_globals=known)
