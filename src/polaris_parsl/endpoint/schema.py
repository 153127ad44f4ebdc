"""What users of an endpoint may choose: a JSON schema that holds them to the policy."""

import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.facts.queues import Queue
from polaris_parsl.options.checks import WholeNumber
from polaris_parsl.options.lookup import FOR_ENDPOINT_USERS
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.options.table import OPTIONS
from polaris_parsl.policy.job_count import most_blocks
from polaris_parsl.policy.job_size import destinations

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MINUTES = "[0-5][0-9]"
Schema = dict[str, Any]


def render_schema(options: ExecutorOptions, choices: Iterable[str]) -> str:
    """The text of a user_config_schema.json.

    Args:
        options: the request; its values are the defaults of the choices.
        choices: options that users of the endpoint may set, some of FOR_ENDPOINT_USERS.

    Raises:
        OptionError: an option cannot be left to users.
    """
    chosen = [name for name in FOR_ENDPOINT_USERS if name in choices]
    _refuse_no_choice(options, choices)
    schema: Schema = {"$schema": _DIALECT, "type": "object", "additionalProperties": False}
    schema["properties"] = {name: _property(name, options, chosen) for name in chosen}
    limits = (
        _limits(options, chosen) if {"queue", "walltime", "nodes_per_block"} & {*chosen} else []
    )
    if limits:
        schema["allOf"] = limits
    return json.dumps(schema, indent=2) + "\n"


def _refuse_no_choice(options: ExecutorOptions, choices: Iterable[str]) -> None:
    for name in choices:
        if name not in FOR_ENDPOINT_USERS:
            raise OptionError(
                f"{name} cannot be left to the users of an endpoint",
                remedy=f"leave some of {', '.join(FOR_ENDPOINT_USERS)} to them, and set {name} here",
            )
    if "walltime" in choices and options.drain_period is not None:
        raise OptionError(
            f"drain_period={options.drain_period} s fits a walltime that users choose only by luck",
            remedy="leave drain_period out, or set the walltime here",
        )


def _property(name: str, options: ExecutorOptions, chosen: list[str]) -> Schema:
    if name == "queue":
        listed = [
            queue.name
            for queue in polaris().queues.values()
            if not queue.only_by_routing and _shapes(queue, options, chosen)
        ]
        unlisted = _text("|".join(polaris().unlisted_patterns))
        # Parsl hands the name to a shell.
        return {**_by_table(name), "anyOf": [{"enum": listed}, unlisted]}
    if name == "nodes_per_block":
        return {**_by_table(name), "minimum": options.max_workers_per_block or 1}
    return _by_table(name)


def _by_table(name: str) -> Schema:
    """What the table of options says of the values of an option."""
    option = OPTIONS[name]
    if isinstance(option.check, WholeNumber):
        return {"type": "integer", "minimum": option.check.least, "maximum": option.check.most}
    assert option.is_text, "users of an endpoint set texts and whole numbers"
    return _text(option.pattern) if option.pattern else {"type": "string"}


def _limits(options: ExecutorOptions, chosen: list[str]) -> list[Schema]:
    """For each queue that can be asked for, the sizes and lengths that it takes."""
    limits = []
    for queue in polaris().queues.values():
        shapes = _shapes(queue, options, chosen)
        if queue.name == options.queue and shapes:
            # also where the user leaves the queue out
            limits.append(_where_queue(queue, {"anyOf": shapes}, chosen, required=False))
        elif "queue" in chosen and shapes:
            limits.append(_where_queue(queue, {"anyOf": shapes}, chosen, required=True))
    return limits


def _where_queue(queue: Queue, then: Schema, chosen: list[str], *, required: bool) -> Schema:
    if "queue" not in chosen:
        return then
    condition: Schema = {"properties": {"queue": {"const": queue.name}}}
    if required:
        condition["required"] = ["queue"]
    return {"if": condition, "then": then}


def _shapes(queue: Queue, options: ExecutorOptions, chosen: list[str]) -> list[Schema]:
    """What a job may be for each queue that it can end up in; none if nothing fits."""
    shapes = []
    for target in destinations(queue):
        most = most_blocks(queue, target)
        shape = _shape(target, options, chosen)
        if shape is not None and (most is None or options.max_blocks <= most):
            shapes.append(shape)
    return shapes


def _shape(target: Queue, options: ExecutorOptions, chosen: list[str]) -> Schema | None:
    """What users must choose to fit a queue; None if a value that is set here does not."""
    nodes_fit = target.nodes_min <= options.nodes_per_block <= target.nodes_max
    shortest, longest = target.walltime_min_minutes, target.walltime_max_minutes
    length_fits = target.walltime_min <= options.walltime <= target.walltime_max
    fits = {"nodes_per_block": nodes_fit, "walltime": length_fits}
    if not all(fit or name in chosen for name, fit in fits.items()):
        return None
    limits: Mapping[str, Schema] = {
        "nodes_per_block": {"minimum": target.nodes_min, "maximum": target.nodes_max},
        "walltime": {"pattern": _anchored(_lengths(shortest, longest))},
    }
    return {
        "properties": {name: limits[name] for name in limits if name in chosen},
        "required": [name for name, fit in fits.items() if not fit],
    }


def _lengths(shortest: int, longest: int) -> str:
    """A pattern of H:MM:SS from one number of minutes to another.

    Args:
        shortest: minutes, less than an hour.
        longest: minutes, whole hours.
    """
    hours = longest // 60
    parts = [f"0:({_between(shortest, 59, digits=2)}):{_MINUTES}"]
    if hours > 1:
        parts.append(f"({_between(1, hours - 1)}):{_MINUTES}:{_MINUTES}")
    return f"0{{0,3}}({'|'.join([*parts, f'{hours}:00:00'])})"


def _between(first: int, last: int, *, digits: int = 1) -> str:
    """A pattern of the numbers between two, both included: one part for each ten."""
    parts = []
    for _, group in groupby(range(first, last + 1), key=lambda number: number // 10):
        numbers = [f"{number:0{digits}d}" for number in group]
        parts.append(f"{numbers[0][:-1]}[{numbers[0][-1]}-{numbers[-1][-1]}]")
    return "|".join(parts)


def _text(pattern: str) -> Schema:
    return {"type": "string", "pattern": _anchored(pattern)}


def _anchored(pattern: str) -> str:
    # Python's $ lets a line end follow
    return rf"^(?:{pattern})$(?!\n)"
