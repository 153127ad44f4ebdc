"""A log that cannot be written is said once."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from polaris_parsl.configuration.full_logs import mind_full_disks

LOG = logging.getLogger("parsl")


@pytest.fixture
def handler() -> Iterator[logging.FileHandler]:
    made = logging.FileHandler("/dev/full")
    LOG.addHandler(made)
    yield made
    LOG.removeHandler(made)
    assert made.stream
    with Path("/dev/null").open("wb") as nowhere:
        os.dup2(nowhere.fileno(), made.stream.fileno())
    made.close()


def test_a_full_disk_is_said_once_and_without_a_traceback(
    handler: logging.FileHandler, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        LOG.error("it goes to the log, too: %s", text)

    mind_full_disks(say)
    for number in range(5):
        LOG.error("line %s", number)
    (line,) = said
    assert line.startswith("cannot write /dev/full: No space left on device; the run goes on")
    assert "Traceback" not in capsys.readouterr().err


def test_a_line_that_is_wrong_itself_is_reported_as_ever(
    handler: logging.FileHandler, capsys: pytest.CaptureFixture[str]
) -> None:
    mind_full_disks(lambda _: None)
    record = LOG.makeRecord("parsl", logging.ERROR, "here.py", 1, "%d", ("no number",), None)
    try:
        record.getMessage()
    except TypeError:
        handler.handleError(record)
    assert "TypeError" in capsys.readouterr().err
