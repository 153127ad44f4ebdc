"""A preset chooses what nobody has set."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.driver import Driver
from polaris_parsl.errors import OptionError
from polaris_parsl.options.preset import PRESETS
from polaris_parsl.options.resolve import ExecutorRequest, resolve
from polaris_parsl.options.table import OPTIONS


def ask(folder: Path, variables: dict[str, str] | None = None, **arguments: Any) -> ExecutorRequest:
    driver = Driver(python=Path(sys.executable), folder=folder, variables=variables or {})
    (request,) = resolve({"account": "datascience", **arguments}, driver)
    return request


def test_each_preset_gives_a_reason_for_each_of_its_values() -> None:
    for preset in PRESETS.values():
        assert preset.values.keys() == preset.why.keys() <= OPTIONS.keys()
        assert all(preset.why.values())


def test_a_preset_sets_what_nobody_else_has_set(tmp_path: Path) -> None:
    request = ask(tmp_path, preset="throughput")
    assert request.options.value("initialize_logging") == "WARNING"
    assert request.sources["initialize_logging"].name == "preset"
    assert "initialize_logging" not in ask(tmp_path).sources


@pytest.mark.parametrize("where", ["argument", "environment", "project file"])
def test_whoever_sets_an_option_wins_over_the_preset(tmp_path: Path, where: str) -> None:
    variables, arguments = {}, {}
    if where == "argument":
        arguments = {"initialize_logging": True}
    elif where == "environment":
        variables = {"INITIALIZE_LOGGING": "true"}
    else:
        (tmp_path / "polaris-parsl.toml").write_text("initialize_logging = true\n")
    request = ask(tmp_path, variables, preset="throughput", **arguments)
    assert request.options.value("initialize_logging") is True
    assert request.sources["initialize_logging"].name == where


def test_a_preset_may_stand_in_a_project_file(tmp_path: Path) -> None:
    file = tmp_path / "polaris-parsl.toml"
    file.write_text('preset = "throughput"\n')
    assert ask(tmp_path).options.value("initialize_logging") == "WARNING"
    file.write_text('preset = "speed"\n')
    with pytest.raises(OptionError, match=re.escape(str(file))):
        ask(tmp_path)


def test_there_is_no_other_preset(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="preset='speed' is no preset that works here"):
        ask(tmp_path, preset="speed")


def test_a_log_of_workers_is_not_asked_for_in_two_ways(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="worker_debug=True beside initialize_logging='WARNING'"):
        ask(tmp_path, preset="throughput", worker_debug=True)
    assert ask(tmp_path, worker_debug=True).options.value("worker_debug")


@pytest.mark.parametrize("value", ["DEBUG", "warning", 10, object()])
def test_what_is_no_log_of_parsls_is_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(OptionError, match="says nothing about logs"):
        ask(tmp_path, initialize_logging=value)
