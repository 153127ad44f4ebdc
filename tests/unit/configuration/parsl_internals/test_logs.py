"""Parsl makes no record that all of its logs drop."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from parsl import log_utils

from polaris_parsl.configuration.parsl_internals.logs import leave_out_debug, make_what_is_logged

PARSL = logging.getLogger("parsl")


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    level, handlers = PARSL.level, PARSL.handlers[:]
    monkeypatch.setattr(log_utils, "set_file_logger", log_utils.set_file_logger)
    yield
    PARSL.setLevel(level)
    PARSL.handlers[:] = handlers


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_a_log_of_a_worker_has_the_records_of_its_level(tmp_path: Path, level: int) -> None:
    make_what_is_logged()
    end = log_utils.set_file_logger(str(tmp_path / "worker.log"), level=level)
    assert PARSL.isEnabledFor(logging.DEBUG) is (level == logging.DEBUG)
    (handler,) = (each for each in PARSL.handlers if isinstance(each, logging.FileHandler))
    PARSL.info("a line")
    end()
    handler.close()
    assert (tmp_path / "worker.log").read_text().endswith("a line\n")


def log_to(path: Path, level: int) -> None:
    handler = logging.FileHandler(path, delay=True)
    handler.setLevel(level)
    PARSL.addHandler(handler)
    PARSL.setLevel(logging.DEBUG)


def test_the_drivers_log_may_lack_the_debug_level(tmp_path: Path) -> None:
    log_to(tmp_path / "parsl.log", logging.DEBUG)
    leave_out_debug(tmp_path / "parsl.log")
    assert not PARSL.isEnabledFor(logging.DEBUG)
    assert PARSL.isEnabledFor(logging.INFO)


def test_a_log_of_the_users_keeps_the_debug_level(tmp_path: Path) -> None:
    log_to(tmp_path / "parsl.log", logging.DEBUG)
    log_to(tmp_path / "own.log", logging.DEBUG)
    leave_out_debug(tmp_path / "parsl.log")
    assert PARSL.isEnabledFor(logging.DEBUG)
