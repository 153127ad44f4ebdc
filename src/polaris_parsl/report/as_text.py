"""The figures of runs for a terminal."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from polaris_parsl.report.advice import advice, duration

_BARS = " ▁▂▃▄▅▆▇█"
_WIDTH = 60


def as_text(figures: Mapping[str, Any]) -> str:
    """One run, in some twenty to fifty lines."""
    lines = [*_head(figures), *_blocks(figures), *_apps(figures), *_failures(figures)]
    lines += [f"advice: {each}" for each in advice(figures)]
    return "\n".join(lines) + "\n"


def comparison(runs: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Several runs side by side: rows with a title and a cell for each run."""
    return [[title, *(cell(each) for each in runs)] for title, cell in _ROWS]


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows in columns."""
    listed = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*listed, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in listed
    ]


def _head(figures: Mapping[str, Any]) -> list[str]:
    tasks, hours = figures["tasks"], figures["node_hours"]
    lines = [
        f"{figures['run_dir']}: {figures['state']}, {_when(figures['began'])}, {duration(figures['seconds'])}",
        *(f"note: {each}" for each in figures["problems"]),
        f"tasks: {_tasks(figures)}; {tasks['retries']} retries, {tasks['lost_attempts']} attempts lost",
    ]
    shares = ", ".join(f"{each} {hours[each]:.2f}" for each in ("used", "idle", "wasted"))
    lines.append(f"node-hours: {hours['in_all']:.2f}, of them {shares}")
    if figures["keeps_tasks"]:
        lines.append(f"busy workers: {_busy(figures)}")
    return lines


def _busy(figures: Mapping[str, Any]) -> str:
    timeline = figures["timeline"]
    there = [each["workers"] for each in timeline["there"]]
    busy: dict[float, float] = {}
    for each in timeline["busy"]:
        busy[each["t"]] = busy.get(each["t"], 0.0) + each["workers"]
    most = max([*there, *busy.values(), 1e-9])
    values = [busy.get(each["t"], 0.0) for each in timeline["there"]]
    step = max(1, len(values) // _WIDTH)
    means = [
        sum(part) / len(part)
        for part in (values[i : i + step] for i in range(0, len(values), step))
    ]
    drawn = "".join(_BARS[min(8, round(8 * each / most))] for each in means)
    return f"|{drawn}| at most {most:.0f}"


def _blocks(figures: Mapping[str, Any]) -> list[str]:
    if not figures["blocks"]:
        return ["blocks: none"]
    rows = [["block", "job", "nodes", "waited", "ran", "state", "cause"]]
    for each in figures["blocks"][:20]:
        name = f"{each['executor']} {each['block']}"
        job = each["job"].partition(".")[0]
        times = [duration(each["waited"]), duration(each["ran"])]
        rows.append([name, job, str(each["nodes"]), *times, each["state"], each["cause"]])
    more = figures["blocks_in_all"] - len(figures["blocks"][:20])
    return table(rows) + ([f"and {more} more blocks"] if more > 0 else [])


def _apps(figures: Mapping[str, Any]) -> list[str]:
    rows = [["app", "tasks", "least", "median", "95 %", "most"]]
    for each in figures["apps"][:20]:
        spread = each["seconds"] or {}
        times = [duration(spread.get(key)) for key in ("least", "median", "p95", "most")]
        rows.append([each["app"], str(each["tasks"]), *times])
    return table(rows) if len(rows) > 1 else []


def _failures(figures: Mapping[str, Any]) -> list[str]:
    lines = []
    for each in figures["failures"][:10]:
        nodes = ", ".join(list(each["nodes"])[:3])
        words = " ".join(each["message"].split())[:200]
        lines.append(
            f"{each['attempts']} attempts of {each['tasks']} tasks failed: {each['error']}: {words}"
            f" (as task {each['first_tasks'][0]}{f', on {nodes}' if nodes else ''})"
        )
    return lines


def _tasks(figures: Mapping[str, Any]) -> str:
    tasks = figures["tasks"]
    if tasks["in_all"] is None:
        return "not counted"
    if tasks["done"] is None:
        return f"{tasks['in_all']} (the run kept no record of each)"
    parts = [f"{tasks['done']} of {tasks['in_all']} done"]
    parts += [f"{count} {word}" for word, count in tasks["results"].items() if word != "computed"]
    parts += [f"{tasks['unfinished']} not ended"] if tasks["unfinished"] else []
    return ", ".join(parts)


def _when(seconds: float | None) -> str:
    if seconds is None:
        return "began at a time that is not known"
    return time.strftime("began %Y-%m-%d %H:%M:%S %z", time.localtime(seconds))


def _median(figures: Mapping[str, Any]) -> str:
    spreads = [each["seconds"] for each in figures["apps"] if each["seconds"]]
    return duration(spreads[0]["median"]) if spreads else "-"


_ROWS = (
    ("run", lambda each: str(each["run_dir"])),
    ("state", lambda each: str(each["state"])),
    ("began", lambda each: _when(each["began"]).removeprefix("began ")),
    ("length", lambda each: duration(each["seconds"])),
    ("tasks", _tasks),
    ("retries", lambda each: str(each["tasks"]["retries"])),
    ("blocks", lambda each: str(each["blocks_in_all"])),
    ("waited in the queue", lambda each: duration(sum(b["waited"] or 0 for b in each["blocks"]))),
    ("node-hours", lambda each: f"{each['node_hours']['in_all']:.2f}"),
    ("used", lambda each: f"{each['node_hours']['used']:.2f}"),
    ("idle", lambda each: f"{each['node_hours']['idle']:.2f}"),
    ("wasted", lambda each: f"{each['node_hours']['wasted']:.2f}"),
    ("median of the commonest app", _median),
    ("polaris_parsl", lambda each: each["environment"].get("polaris_parsl", "-")),
    ("Parsl", lambda each: each["environment"].get("parsl", "-")),
)
