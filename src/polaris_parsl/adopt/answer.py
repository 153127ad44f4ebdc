"""What the process that read a file has answered. The file may have written it, so it is checked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NESTED_MAX = 40
_LISTS = {"configs": dict, "apps_without_cache": int, "lacking": str}
_TEXTS = ("error", "variable")
_CALL = {"call": str, "line": int, "args": list, "arguments": dict, "later": list}


@dataclass(frozen=True)
class Answer:
    """The answer of recorder.py.

    Attributes:
        held: by what the process was held, said before the file ran.
        recorded: the file's calls, and what it lacked.
    """

    held: tuple[str, ...]
    recorded: Mapping[str, Any]


def read_answer(text: str) -> Answer:
    """Take an answer apart.

    Raises:
        ValueError: it is none.
    """
    first, _, rest = text.partition("\n")
    try:
        held, recorded = json.loads(first), json.loads(rest)
        _check(recorded)
    except (RecursionError, LookupError, TypeError, AttributeError) as error:
        raise ValueError("its configuration is nested too deeply, or was forged") from error
    return Answer(tuple(held), recorded)


def _check(recorded: Mapping[str, Any]) -> None:
    for name, kind in _LISTS.items():
        if not all(isinstance(each, kind) for each in recorded[name]):
            raise TypeError(name)
    for name in _TEXTS:
        _check_value(str(recorded.get(name, "")), 0)
    for config in recorded["configs"]:
        _check_value(config, 0)
        _ = config["call"]


def _check_value(value: Any, depth: int) -> None:
    if depth > _NESTED_MAX:
        raise RecursionError
    if isinstance(value, str):
        value.encode()  # half of a pair of surrogates cannot be printed
    elif isinstance(value, list):
        for each in value:
            _check_value(each, depth + 1)
    elif isinstance(value, dict) and "call" in value:
        for name, kind in _CALL.items():
            if not isinstance(value[name], kind):
                raise TypeError(name)
        _check_value([value["call"], value["args"], value["later"]], depth + 1)
        for name, each in value["arguments"].items():
            _check_value([name, each], depth + 1)
    elif isinstance(value, dict):
        _check_value(value["unknown"], depth + 1)
