"""`polaris_parsl.explain`: every value that Parsl is handed, who set it, and why."""

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from polaris_parsl.addresses import addresses_for_workers
from polaris_parsl.driver import Driver
from polaris_parsl.errors import OptionError
from polaris_parsl.facts import reason_for_default
from polaris_parsl.plan import plan
from polaris_parsl.resolve import Request
from polaris_parsl.settings import (
    CLASSES,
    Setting,
    Settings,
    executor_settings,
    run_settings,
)

_VALUE_WIDTH = 48
_WIDTH = 100
_INDENT = " " * 6


@dataclass(frozen=True)
class Row:
    """A value that Parsl is handed.

    Attributes:
        where: the object of Parsl's that gets it, with the label of its executor.
        name: the argument's name.
        value: the value.
        layer: who set the option that it follows from: "argument", a variable, a file, "facts",
            "default" where nobody did, or "polaris_parsl" where it is always the same.
        why: the reason, "" where the option is handed on as it is.
        source: where the knowledge comes from, "" where the user set it.
    """

    where: str
    name: str
    value: Any
    layer: str
    why: str
    source: str


@dataclass(frozen=True)
class Explanation:
    """All rows; `str` of it is a table."""

    rows: tuple[Row, ...]

    def as_json(self) -> list[dict[str, Any]]:
        """The rows as objects that `json.dumps` takes."""
        return [asdict(row) for row in self.rows]

    def as_files(self) -> dict[str, str]:
        """What a run directory keeps of them: texts by file name."""
        return {
            "explain.txt": f"{self}\n",
            "explain.json": json.dumps(self.as_json(), indent=1) + "\n",
        }

    def __str__(self) -> str:
        sources = list(dict.fromkeys(row.source for row in self.rows if row.source))
        lines = []
        for where, rows in _grouped(self.rows):
            lines.append(where)
            for row in rows:
                mark = f" [{sources.index(row.source) + 1}]" if row.source else ""
                lines += _lines(row, mark)
        lines += [f"[{number}] {text}" for number, text in enumerate(sources, 1)]
        return "\n".join(lines)


def explain(**user_opts: Any) -> Explanation:
    """What `polaris_parsl.config` would hand to Parsl for the same options, and why.

    Args:
        **user_opts: as for `polaris_parsl.config`.

    Raises:
        OptionError: as `polaris_parsl.config` would, but for the interfaces of this node:
            where those are missing, the addresses are explained as not known here.
    """
    driver = Driver.current()
    return explain_requests(plan(user_opts, driver), driver)


def explain_requests(requests: Sequence[Request], driver: Driver) -> Explanation:
    """The same for requests that are made and checked.

    Args:
        requests: from plan.
        driver: the process that builds the configuration.
    """
    rows = list(_run_rows(requests[0]))
    for request in requests:
        rows += _executor_rows(request, driver)
    return Explanation(tuple(rows))


def _run_rows(request: Request) -> Iterable[Row]:
    mode = Setting(
        request.options.mode, ("mode",) if "mode" in request.layers else (), request.mode_reason
    )
    memoizer = Setting(
        "CheckpointMemoizer",
        (),
        "results of apps with cache=True are written when their task ends, and found again",
        "Parsl 2026.10.26",
    )
    yield from _rows("polaris_parsl", {"mode": mode}, request)
    yield from _rows("Config", {**run_settings(request.options), "memoizer": memoizer}, request)


def _executor_rows(request: Request, driver: Driver) -> Iterable[Row]:
    found, problem = _addresses(request)
    settings = executor_settings(request.options, driver, found)
    label = request.options.label
    executor = f"{label}: {CLASSES[settings.executor_kind]}"
    yield from _rows(executor, settings.executor, request)
    addresses = settings.addresses
    if problem:
        addresses = Setting(None, addresses.options, f"not known here: {problem}", addresses.source)
    yield from _rows(executor, {"address": addresses}, request)
    yield from _rows(f"{label}: {CLASSES[settings.provider_kind]}", settings.provider, request)
    launcher = f"{label}: {CLASSES[settings.launcher_kind]}"
    option = "launcher" if settings.executor_kind == "htex" else "max_workers_per_block"
    kind = Setting(CLASSES[settings.launcher_kind], (option,), "starts the workers of a block")
    yield from _rows(launcher, {"launcher": kind, **settings.launcher}, request)


def _addresses(request: Request) -> tuple[list[str], str]:
    """The addresses, or why they are not known on this node."""
    try:
        return addresses_for_workers(request.options), ""
    except OptionError as error:
        if request.options.interface is not None:
            raise
        return [], error.problem


def _rows(where: str, settings: Settings, request: Request) -> Iterable[Row]:
    for name, setting in settings.items():
        why, source = _reason(setting, request)
        yield Row(where, name, setting.value, _layer(setting, request), why, source)


def _layer(setting: Setting, request: Request) -> str:
    """The strongest layer that has a say in a value."""
    if not setting.options:
        return "polaris_parsl"
    found = [(request.layers[name], name) for name in setting.options if name in request.layers]
    if not found:
        has_default = any(reason_for_default(name)[1] for name in setting.options)
        return "facts" if has_default or setting.source else "default"
    layer, name = min(found, key=lambda pair: pair[0].rank)
    place = layer.place(name)
    return f"{layer.name} {place}" if place else layer.name


def _reason(setting: Setting, request: Request) -> tuple[str, str]:
    """Why a value is what it is, and where that is written."""
    defaults = [reason_for_default(name) for name in setting.options if name not in request.layers]
    why, source = next((each for each in defaults if each[1]), ("", ""))
    return setting.why or why, setting.source or source


def _grouped(rows: Sequence[Row]) -> Iterable[tuple[str, list[Row]]]:
    groups: Mapping[str, list[Row]] = {row.where: [] for row in rows}
    for row in rows:
        groups[row.where].append(row)
    return groups.items()


def _lines(row: Row, mark: str) -> list[str]:
    first = f"  {row.name} = {_short(row.value)}"
    reason = f"{row.why}{mark}".strip()
    wrapped = textwrap.wrap(reason, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)
    return [f"{first:<{_VALUE_WIDTH}}  ({row.layer})", *wrapped]


def _short(value: Any) -> str:
    if isinstance(value, str) and "\n" in value:
        first, *rest = value.splitlines()
        return f"{first!r} and {len(rest)} more lines"
    text = repr(value)
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}... ({len(text)} characters)"
