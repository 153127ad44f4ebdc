"""What Parsl gets for its logs."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from parsl.logconfigs.file import FileLogging
from parsl.logconfigs.json import JSONLogging

import polaris_parsl
from polaris_parsl.configuration import parsl_log
from polaris_parsl.errors import OptionError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("PBS_JOBID", "PBS_NODEFILE"):
        monkeypatch.delenv(name, raising=False)


def made(**more: Any) -> Any:
    return polaris_parsl.config(account="datascience", address="10.0.0.1", **more)


def test_a_level_becomes_a_log_configuration_of_parsls() -> None:
    log = made(preset="throughput").initialize_logging
    assert isinstance(log, FileLogging)
    assert log.level == logging.WARNING


def test_a_log_configuration_of_parsls_is_handed_on() -> None:
    log = JSONLogging(level=logging.ERROR)
    config = made(initialize_logging=log)
    assert config.initialize_logging is log
    assert not config.executors[0].leaves_out_debug
    explained = polaris_parsl.explain(account="datascience", initialize_logging=log)
    (row,) = (each for each in explained.rows if each.name == "initialize_logging")
    assert (row.value, row.layer) == ("JSONLogging", "argument")
    json.dumps(explained.as_json())


def test_parsls_own_log_lacks_debug_lines_unless_workers_have_them() -> None:
    assert made().initialize_logging is True
    assert made().executors[0].leaves_out_debug
    assert not made(worker_debug=True).executors[0].leaves_out_debug


def test_explain_says_what_the_preset_chose_and_why() -> None:
    explained = polaris_parsl.explain(account="datascience", preset="throughput")
    shown = {each.name: each for each in explained.rows}
    assert (shown["preset"].value, shown["preset"].layer) == ("throughput", "argument")
    log = shown["initialize_logging"]
    assert (log.value, log.layer, log.source) == ("WARNING", "preset", "docs/performance.md")
    assert "Parsl's logs cost more than all else" in log.why
    explicit = polaris_parsl.explain(
        account="datascience", preset="throughput", initialize_logging=False
    )
    (log,) = (each for each in explicit.rows if each.name == "initialize_logging")
    assert (log.value, log.layer) == (False, "argument")


def test_a_level_needs_a_parsl_that_knows_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsl_log, "_FILES", "parsl.no_such_package.file")
    with pytest.raises(OptionError, match="needs Parsl's log configurations"):
        made(initialize_logging="INFO")
    assert made(initialize_logging=False).initialize_logging is False
