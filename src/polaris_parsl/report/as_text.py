"""The figures of runs for a terminal."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from polaris_parsl.report.environment import drift_words, pin_words, rows_of
from polaris_parsl.report.words import counted, duration, node_hours
from polaris_parsl.text import in_line

_BARS = " ▁▂▃▄▅▆▇█"
_WIDTH = 60
# Workers whose time is drawn, and failures that are named.
_LANES, _CAUSES = 16, 10


def as_text(figures: Mapping[str, Any]) -> str:
    """One run, in some thirty to seventy lines."""
    lines = [
        *_head(figures),
        *_lanes(figures),
        *_blocks(figures),
        *_apps(figures),
        *_failures(figures),
    ]
    lines += table([f"{title}:", words] for title, words in rows_of(figures["environment"]))
    lines += [f"advice: {in_line(each)}" for each in figures["advice"]]
    return "\n".join(lines) + "\n"


def comparison(runs: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Several runs side by side: rows with a title and a cell for each run."""
    return [[title, *(cell(each) for each in runs)] for title, cell in _ROWS]


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows in columns."""
    listed = [[in_line(cell) for cell in row] for row in rows]
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
        (
            f"tasks: {_tasks(figures)}; {_retries(tasks['retries'])}, "
            f"{counted(tasks['lost_attempts'], 'attempt')} lost"
        ),
    ]
    shares = ", ".join(f"{each} {node_hours(hours[each])}" for each in ("used", "idle", "wasted"))
    lines.append(f"node-hours: {node_hours(hours['in_all'])}, of them {shares}")
    if figures["keeps_tasks"]:
        lines.append(f"busy workers: {_busy(figures)}")
    return lines


def _retries(number: int) -> str:
    return f"{number:,} {'retry' if number == 1 else 'retries'}"


def _busy(figures: Mapping[str, Any]) -> str:
    timeline = figures["timeline"]
    there = [each["workers"] for each in timeline["there"]]
    busy: dict[float, float] = {}
    for each in timeline["busy"]:
        busy[each["t"]] = busy.get(each["t"], 0.0) + each["workers"]
    most = max([*there, *busy.values(), 1e-9])
    values = [busy.get(each["t"], 0.0) for each in timeline["there"]]
    share = "" if timeline["busy_share"] is None else f", {timeline['busy_share']:.0%} of the time"
    return f"|{_bar(values, most)}| at most {most:.0f}{share}"


def _bar(values: Sequence[float], most: float) -> str:
    """Values over time, as a bar of characters."""
    step = max(1, len(values) // _WIDTH)
    means = [
        sum(part) / len(part)
        for part in (values[i : i + step] for i in range(0, len(values), step))
    ]
    return "".join(_BARS[min(8, round(8 * each / most))] for each in means)


def _lanes(figures: Mapping[str, Any]) -> list[str]:
    """When each GPU or worker was busy."""
    timeline = figures["timeline"]
    width = max(timeline["seconds"], 1e-9) / _WIDTH
    busy: dict[str, list[float]] = {}
    for row in timeline["rows"]:
        values = busy.setdefault(row["lane"], [0.0] * _WIDTH)
        share = row.get("share", 1.0)
        for index in range(min(_WIDTH - 1, int(row["start"] / width)), _WIDTH):
            part = min(row["end"], (index + 1) * width) - max(row["start"], index * width)
            if part <= 0:
                break
            values[index] += share * part / width
    order = [f"{each['node']} · {each['lane']}" for each in timeline["lanes"]]
    shown = [each for each in order if each in busy][:_LANES]
    rows = [
        [f"  {lane}", f"|{_bar(busy[lane], 1.0)}|", f"{min(1.0, sum(busy[lane]) / _WIDTH):.0%}"]
        for lane in shown
    ]
    more = timeline["lanes_in_all"] - len(shown)
    return table(rows) + ([f"  and {counted(more, 'more worker')}"] if more > 0 else [])


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
    return table(rows) + ([f"and {counted(more, 'more block')}"] if more > 0 else [])


def _apps(figures: Mapping[str, Any]) -> list[str]:
    rows = [["app", "tasks", "least", "25 %", "median", "75 %", "95 %", "most"]]
    for each in figures["apps"][:20]:
        spread = each["seconds"] or {}
        times = [duration(spread.get(key)) for key in _SPREAD]
        rows.append([each["app"], str(each["tasks"]), *times])
    return table(rows) if len(rows) > 1 else []


_SPREAD = ("least", "p25", "median", "p75", "p95", "most")


def _failures(figures: Mapping[str, Any]) -> list[str]:
    lines = []
    for each in figures["failures"][:_CAUSES]:
        nodes = ", ".join(list(each["nodes"])[:3])
        words = " ".join(each["message"].split())[:200]
        lines.append(
            f"{counted(each['attempts'], 'attempt')} of {counted(each['tasks'], 'task')} failed: "
            + in_line(
                f"{each['error']}: {words} (as task {each['first_tasks'][0]}"
                f"{f', on {nodes}' if nodes else ''})"
            )
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
    ("failed", lambda each: str(each["tasks"]["failed"])),
    ("retries", lambda each: str(each["tasks"]["retries"])),
    ("blocks", lambda each: str(each["blocks_in_all"])),
    ("waited in the queue", lambda each: duration(sum(b["waited"] or 0 for b in each["blocks"]))),
    ("node-hours", lambda each: node_hours(each["node_hours"]["in_all"])),
    ("used", lambda each: node_hours(each["node_hours"]["used"])),
    ("idle", lambda each: node_hours(each["node_hours"]["idle"])),
    ("wasted", lambda each: node_hours(each["node_hours"]["wasted"])),
    (
        "workers were busy",
        lambda each: (
            "-"
            if each["timeline"]["busy_share"] is None
            else f"{each['timeline']['busy_share']:.0%}"
        ),
    ),
    ("median of the commonest app", _median),
    ("polaris_parsl", lambda each: each["environment"].get("polaris_parsl", "-")),
    ("Parsl", lambda each: each["environment"].get("parsl", "-")),
    ("Python", lambda each: each["environment"].get("python", "-")),
    ("base", lambda each: each["environment"].get("base", "-")),
    ("drift", lambda each: drift_words(each["environment"])),
    ("pin", lambda each: pin_words(each["environment"])),
)
