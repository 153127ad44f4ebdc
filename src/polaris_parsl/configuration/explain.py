"""`polaris_parsl.explain`: every value that Parsl is handed, who set it, and why."""

import inspect
import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Unpack

import parsl.config
import parsl.executors
import parsl.launchers
import parsl.providers

from polaris_parsl.configuration.plan import Plan, PlannedExecutor, plan
from polaris_parsl.configuration.settings import (
    CLASSES,
    Setting,
    Settings,
)
from polaris_parsl.driver import Driver
from polaris_parsl.facts.polaris import reason_for_default
from polaris_parsl.options.preset import PRESETS, SOURCE
from polaris_parsl.options.reference import takes_user_opts
from polaris_parsl.options.resolve import ExecutorRequest
from polaris_parsl.options.table import UserOpts

_LEFT = "Parsl"
_MODULES = (parsl.config, parsl.executors, parsl.providers, parsl.launchers)
# Arguments that are objects of Parsl's; their own arguments are rows.
_OBJECTS = frozenset(["executors", "provider", "launcher", "memoizer"])
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
            "default" where nobody did, "polaris_parsl" where it is always the same, or "Parsl" where
            it is left to Parsl's own default.
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
                lines += [] if row.layer == _LEFT else _lines(row, mark)
            lines += _left_lines(rows)
        lines += [f"[{number}] {text}" for number, text in enumerate(sources, 1)]
        return "\n".join(lines)


@takes_user_opts
def explain(**user_opts: Unpack[UserOpts]) -> Explanation:
    """What `polaris_parsl.config` would hand to Parsl for the same options, and why.

    Args:
        **user_opts: as for `polaris_parsl.config`.

    Raises:
        OptionError: as `polaris_parsl.config` would, but for the interfaces of this node:
            where those are missing, the addresses are explained as not known here.
    """
    planned = plan(user_opts, Driver.current())
    for executor in planned.executors:
        if executor.address_error and executor.options.interface is not None:
            raise executor.address_error
    return explain_plan(planned)


def explain_plan(planned: Plan) -> Explanation:
    """The rows of a call that is worked out."""
    rows = list(_run_rows(planned.settings, planned.executors[0]))
    for executor in planned.executors:
        rows += _executor_rows(executor)
    return Explanation(tuple(rows))


def _run_rows(settings: Settings, request: PlannedExecutor) -> Iterable[Row]:
    mode = Setting(
        request.options.mode, ("mode",) if "mode" in request.sources else (), request.mode_reason
    )
    memoizer = Setting(
        "CheckpointMemoizer",
        (),
        "results of apps with cache=True are written when their task ends, and found again",
        "Parsl 2026.10.26",
    )
    watch = request.settings.watch if request.options.mode != "inside_job" else {}
    chosen = request.options.preset
    asked = {"preset": Setting(chosen, ("preset",), PRESETS[chosen].purpose)} if chosen else {}
    ours = {"mode": mode, **asked, **request.settings.variables, **watch}
    yield from _rows("polaris_parsl", ours, request)
    handler = Setting(
        "RetryHandler",
        (),
        "a task that was lost with its node, or cut off by the walltime, uses up no retries",
    )
    run = {**settings, "memoizer": memoizer, "retry_handler": handler}
    yield from _rows("Config", run, request)
    yield from _left_to_parsl("Config", "Config", run)


def _executor_rows(request: PlannedExecutor) -> Iterable[Row]:
    settings, label = request.settings, request.options.label
    option = "launcher" if settings.executor_kind == "htex" else "max_workers_per_block"
    starter = CLASSES[settings.launcher_kind]
    kind = Setting(starter, (option,), "starts the workers of a block")
    for name, arguments in (
        (CLASSES[settings.executor_kind], {**settings.executor, "address": settings.addresses}),
        (CLASSES[settings.provider_kind], settings.provider),
        (starter, {"launcher": kind, **settings.launcher}),
    ):
        yield from _rows(f"{label}: {name}", arguments, request)
        yield from _left_to_parsl(f"{label}: {name}", name, arguments)


def _rows(where: str, settings: Settings, request: ExecutorRequest) -> Iterable[Row]:
    for name, setting in settings.items():
        why, source = _reason(setting, request)
        yield Row(where, name, setting.value, _set_by(setting, request), why, source)


def _left_to_parsl(where: str, name: str, given: Settings) -> Iterable[Row]:
    """The arguments of a class of the installed Parsl that it gets no value for."""
    kind = next(getattr(module, name) for module in _MODULES if hasattr(module, name))
    for each in inspect.signature(kind).parameters.values():
        if each.name not in given.keys() | _OBJECTS and each.default is not each.empty:
            yield Row(where, each.name, _plain(each.default), _LEFT, "left to Parsl", "")


def _plain(value: Any) -> Any:
    """A value that JSON has, or the name of its type."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    is_plain = value is None or isinstance(value, str | int | float)
    return value if is_plain else type(value).__name__


def _set_by(setting: Setting, request: ExecutorRequest) -> str:
    """The strongest source that has a say in a value."""
    if not setting.options:
        return "polaris_parsl"
    found = [(request.sources[name], name) for name in setting.options if name in request.sources]
    if not found:
        has_default = any(reason_for_default(name)[1] for name in setting.options)
        return "facts" if has_default or setting.source else "default"
    setter, name = min(found, key=lambda pair: pair[0].rank)
    place = setter.place(name)
    return f"{setter.name} {place}" if place else setter.name


def _reason(setting: Setting, request: ExecutorRequest) -> tuple[str, str]:
    """Why a value is what it is, and where that is written."""
    for name in setting.options:
        if name in request.sources and request.sources[name].name == "preset":
            chosen = request.options.preset
            assert chosen, "it has set a value"
            return PRESETS[chosen].why[name], SOURCE
    defaults = [reason_for_default(name) for name in setting.options if name not in request.sources]
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


def _left_lines(rows: Sequence[Row]) -> list[str]:
    left = [f"{row.name}={_short(row.value)}" for row in rows if row.layer == _LEFT]
    text = f"left to Parsl: {', '.join(left)}" if left else ""
    return textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent=_INDENT)


def _short(value: Any) -> str:
    if isinstance(value, str) and "\n" in value:
        first, *rest = value.splitlines()
        return f"{first!r} and {len(rest)} more lines"
    text = repr(value)
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}... ({len(text)} characters)"
