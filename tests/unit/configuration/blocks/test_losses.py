"""Lost tasks run again at no cost, but not for ever."""

import pytest

from polaris_parsl.configuration.blocks.block import Cause
from polaris_parsl.configuration.blocks.lines import Lines
from polaris_parsl.configuration.blocks.losses import CUTS, LOSSES, Loss, Losses
from polaris_parsl.errors import TaskError


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def recorded() -> list[tuple[int, str]]:
    return []


@pytest.fixture
def losses(
    said: list[str], recorded: list[tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> Losses:
    lines = Lines()
    monkeypatch.setattr(lines, "say", said.append)
    return Losses(lines, lambda loss, why: recorded.append((loss.task, why)))


def loss(task: int = 5, seconds: float = 60.0) -> Loss:
    return Loss(task, "simulate", "htex", "0", "n1", seconds)


def test_a_task_that_the_walltime_cuts_off_again_and_again_fails_and_says_why(
    losses: Losses,
) -> None:
    for seconds in (10.0, 3492.0)[: CUTS - 1]:
        losses.lose(loss(seconds=seconds), Cause.WALLTIME, "1:00:00")
    with pytest.raises(TaskError, match=r"walltime of 1:00:00 3 times.*attempt was 0:58:12"):
        losses.lose(loss(seconds=20.0), Cause.WALLTIME, "1:00:00")


def test_a_task_that_loses_every_node_fails_in_the_end(losses: Losses) -> None:
    for _ in range(LOSSES - 1):
        losses.lose(loss(), Cause.DELETED, "1:00:00")
    with pytest.raises(TaskError, match="lost with its node 10 times, at last on n1"):
        losses.lose(loss(), None, "1:00:00")


def test_losses_of_one_reason_are_one_line_and_an_entry_each(
    losses: Losses, said: list[str], recorded: list[tuple[int, str]]
) -> None:
    for task in range(4):
        losses.lose(loss(task), Cause.DELETED, "1:00:00")
    losses.lose(loss(9), Cause.WALLTIME, "1:00:00")
    losses.say()
    losses.say()
    assert said == [
        "4 tasks run again: lost with n1 of block 0 (deleted)",
        "1 task runs again: cut off by the walltime of 1:00:00",
    ]
    assert [task for task, _ in recorded] == [0, 1, 2, 3, 9]


def test_no_more_than_twenty_lines_a_minute_reach_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = [0.0]
    lines = Lines(lambda: now[0])
    for number in range(50):
        lines.say(f"line {number}")
    now[0] = 61.0
    lines.say("the last")
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == 22
    assert printed[-2:] == [
        "polaris_parsl: 30 more lines are in parsl.log",
        "polaris_parsl: the last",
    ]
