"""Reads the configuration of a Globus Compute endpoint: YAML that names Parsl's classes by `type`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from polaris_parsl.adopt.python_file import ParslCall, Recording
from polaris_parsl.errors import AdoptError

_ENGINES = {
    "GlobusComputeEngine": "HighThroughputExecutor",
    "HighThroughputEngine": "HighThroughputExecutor",
    "HighThroughputExecutor": "HighThroughputExecutor",
    "GlobusMPIEngine": "MPIExecutor",
    "MPIExecutor": "MPIExecutor",
}
# Of the engine itself, and without a meaning for parsl.load.
_OF_ENDPOINT = (
    "max_retries_on_system_failure",
    "strategy",
    "job_status_kwargs",
    "executor",
    "type",
)
_WORDS: Mapping[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}


def is_endpoint(text: str) -> bool:
    """Whether a text is the YAML of an endpoint, with an engine."""
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError):
        return False
    return isinstance(node, yaml.MappingNode) and "engine" in (key.value for key, _ in node.value)


def read_endpoint(file: Path, text: str) -> Recording:
    """The Parsl configuration that an endpoint would make.

    Args:
        file: the YAML, for messages.
        text: what is in it; `is_endpoint` has been asked.

    Raises:
        AdoptError: its engine is of a kind that has no executor of Parsl's.
    """
    node: Any = yaml.compose(text, Loader=yaml.BaseLoader)
    engine = _value(next(value for key, value in node.value if key.value == "engine"))
    if not isinstance(engine, ParslCall) or engine.name not in _ENGINES:
        kind = engine.name if isinstance(engine, ParslCall) else "no type"
        raise AdoptError(
            f"{file} has an engine of {kind}, which asks PBS for no nodes",
            remedy=f"adopt one of {', '.join(list(_ENGINES)[:1])} or GlobusMPIEngine",
        )
    arguments = {key: value for key, value in engine.arguments.items() if key not in _OF_ENDPOINT}
    executor = ParslCall(_ENGINES[engine.name], engine.line, (), {"encrypted": True, **arguments})
    return Recording((ParslCall("Config", engine.line, (), {"executors": [executor]}),), ())


def _value(node: Any) -> Any:
    """A node as Parsl's call, list or plain value; times such as 00:30:00 stay text."""
    if isinstance(node, yaml.SequenceNode):
        return [_value(each) for each in node.value]
    if isinstance(node, yaml.MappingNode):
        entries = {str(key.value): _value(value) for key, value in node.value}
        return _call(entries, node.start_mark.line + 1) if "type" in entries else entries
    text = str(node.value)
    if node.style in ("'", '"', "|", ">"):
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    return float(text) if re.fullmatch(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", text) else text


def _call(entries: Mapping[str, Any], line: int) -> ParslCall:
    arguments = {name: value for name, value in entries.items() if name != "type"}
    # addresses are found by functions, whose argument has a name here
    return ParslCall(str(entries["type"]), line, (), arguments)
