import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer

from polaris_parsl.cli.queues import queues
from polaris_parsl.errors import MissingToolError, PolarisParslError, PrefixError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.pbs import queue_listing
from polaris_parsl.pbs.queue_listing import as_pbs
from polaris_parsl.process import NoAnswerError


def test_every_queue_stands_in_the_table_with_its_limits_and_conflicting_sources(
    capsys: pytest.CaptureFixture[str],
) -> None:
    queues()
    printed = capsys.readouterr().out
    for queue in polaris().queues.values():
        (row,) = [line for line in printed.splitlines() if line.split()[0] == queue.name]
        assert f"{queue.nodes_min}-{queue.nodes_max}" in row
        assert printed.count(f"conflicting sources: {queue.name}, ") == len(
            queue.conflicting_sources
        )
    assert "debug                1-2  0:05:00 to 1:00:00   1/user      2/user       24" in printed
    assert (
        "conflicting sources: capacity, max_run = 1/user, but max_run = 1/project in a live qstat"
        in printed
    )
    assert "source: ALCF docs/polaris/running-jobs/index.md, read 2026-11-22" in printed


Qstat = Callable[..., None]


@pytest.fixture
def qstat(monkeypatch: pytest.MonkeyPatch) -> Qstat:
    """Lets qstat answer so, or fail so."""

    def answer(stdout: str = "", code: int = 0, failure: Exception | None = None) -> None:
        def run(words: Sequence[str], **_: Any) -> subprocess.CompletedProcess[str]:
            assert list(words) == ["qstat", "-Q", "-f", "-F", "json"]
            if failure is not None:
                raise failure
            return subprocess.CompletedProcess(words, code, stdout, "qstat: no server\n")

        monkeypatch.setattr(queue_listing, "run", run)

    return answer


def listing(**changes: Any) -> str:
    found = {name: as_pbs(queue) for name, queue in polaris().queues.items()}
    return json.dumps({"pbs_server": "pbs", "pbs_version": "1.0", "Queue": {**found, **changes}})


def test_refresh_says_that_all_is_equal(qstat: Qstat, capsys: pytest.CaptureFixture[str]) -> None:
    qstat(listing())
    queues(refresh=True)
    assert capsys.readouterr().out == "all 12 queues of the facts agree with pbs (PBS 1.0)\n"


def test_refresh_prints_what_differs_and_leaves_with_its_own_exit_code(
    qstat: Qstat, capsys: pytest.CaptureFixture[str]
) -> None:
    qstat(listing(workq={"queue_type": "Execution"}))
    with pytest.raises(typer.Exit) as left:
        queues(refresh=True)
    assert left.value.exit_code == 9
    assert capsys.readouterr().out == (
        "workq, queue: none in the facts, Execution here\n"
        "1 difference between pbs (PBS 1.0) and the facts; to correct these see docs/queues.md\n"
    )


def test_save_keeps_what_pbs_has_in_the_prefix(
    qstat: Qstat,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    qstat(listing(HandsOnHPC={"queue_type": "Execution", "enabled": "True"}))
    with pytest.raises(PrefixError, match="belongs to no install"):
        queues(refresh=True, save=True)
    file = tmp_path / "queues.json"
    monkeypatch.setattr("polaris_parsl.cli.queues.file_of_learned_queues", lambda: file)
    queues(refresh=True, save=True)
    assert list(json.loads(file.read_text())["queues"]) == ["HandsOnHPC"]
    assert capsys.readouterr().out.startswith("HandsOnHPC: no limits\n1 queue of pbs that")
    monkeypatch.setattr("polaris_parsl.cli.queues.file_of_learned_queues", lambda: file / "x")
    with pytest.raises(PrefixError, match="cannot be written"):
        queues(refresh=True, save=True)
    with pytest.raises(typer.BadParameter, match="give both"):
        queues(save=True)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ({"failure": FileNotFoundError()}, MissingToolError, "fix: run this on a login node"),
        (
            {"failure": NoAnswerError("qstat", "did not answer within 120 s")},
            PolarisParslError,
            "within 120 s",
        ),
        ({"failure": UnicodeDecodeError("utf-8", b"x", 0, 1, "y")}, PolarisParslError, "not text"),
        ({"code": 255}, PolarisParslError, "failed with exit code 255: qstat: no server"),
        ({"stdout": "hello"}, PolarisParslError, "no valid JSON"),
    ],
    ids=["missing", "slow", "binary", "failing", "garbage"],
)
def test_refresh_says_why_it_cannot_compare(
    qstat: Qstat, answer: dict[str, Any], error: type[PolarisParslError], words: str
) -> None:
    qstat(**answer)
    with pytest.raises(error) as refusal:
        queues(refresh=True)
    assert type(refusal.value) is error
    assert words in str(refusal.value)


def test_the_page_on_queues_shows_what_the_command_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "queues.md").read_text()
    shown = page.partition("$ polaris-parsl queues\n")[2].partition("```")[0].splitlines()
    queues()
    printed = capsys.readouterr().out.splitlines()
    for line in shown:
        if line != "...":
            assert any(each.startswith(line.removesuffix(" ...")) for each in printed), line
