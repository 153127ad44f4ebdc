"""The figures of a run, computed once: text, JSON and the page show the same."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from statistics import quantiles
from typing import Any

from polaris_parsl.configuration.record.task_attempts import (
    COMPUTED,
    FAILED,
    FROM_CHECKPOINT,
    LOST,
    NOT_RUN,
    REMEMBERED,
)
from polaris_parsl.report.advice import advice
from polaris_parsl.report.blocks import GOES_ON, BlockLife, blocks_of, state_of
from polaris_parsl.report.environment import environment_of
from polaris_parsl.report.reading import History, Ran, time_of
from polaris_parsl.report.timeline import durations_of, timeline_of

_HOUR = 3600.0
_APPS, _CAUSES, _BLOCKS = 40, 50, 200
_DONE = {COMPUTED, FROM_CHECKPOINT, REMEMBERED}
_NUMBERS = re.compile(r"0x[0-9a-f]+|\d+")


def figures_of(history: History, now: float) -> dict[str, Any]:
    """All figures of a run, as JSON has them.

    Args:
        history: the run.
        now: for what goes on, in seconds since 1970.
    """
    state, until, blocks = _state(history, now)
    began = time_of(history.events[0]) or 0.0
    figures = {
        **_counts(history, state, until, blocks),
        "timeline": timeline_of(history, blocks, began, until),
        "durations": durations_of(history),
    }
    return {**figures, "advice": advice(figures)}


def counts_of(history: History, now: float) -> dict[str, Any]:
    """The same without timeline and durations, which take longest.

    Args:
        history: the run.
        now: for what goes on, in seconds since 1970.
    """
    return _counts(history, *_state(history, now))


def _state(history: History, now: float) -> tuple[str, float, list[BlockLife]]:
    """Whether a run goes on, the time up to which it is looked at, and its blocks."""
    state = state_of(history)
    until = now if state == GOES_ON else _last(history, now)
    return state, until, blocks_of(history, until)


def _counts(history: History, state: str, until: float, blocks: list[BlockLife]) -> dict[str, Any]:
    began = time_of(history.events[0])
    return {
        "run_dir": str(history.folder),
        "state": state,
        "began": began,
        "seconds": max(0.0, until - began) if began is not None else None,
        "keeps_tasks": history.keeps_tasks,
        "problems": history.problems,
        "environment": environment_of(history),
        "tasks": _tasks(history),
        "apps": _apps(history.attempts),
        "failures": _failures(history),
        "blocks": [_block(each, began or 0.0) for each in blocks[:_BLOCKS]],
        "blocks_in_all": len(blocks),
        "node_hours": _node_hours(history, blocks),
    }


def _last(history: History, now: float) -> float:
    """When a run that is over was last heard of."""
    times = [time_of(each) for each in history.events]
    times += [each.end for each in history.attempts]
    known = [each for each in times if each is not None]
    return max(known, default=now)


def _tasks(history: History) -> dict[str, Any]:
    last = {each.task: each for each in history.attempts if not each.runs_again}
    results = Counter(each.result for each in last.values())
    begun, not_run = history.begun.total(), results[NOT_RUN]
    waits = [
        each.start - each.launched
        for each in history.attempts
        if each.start is not None and each.launched is not None
    ]
    counts = (history.of("tasks") or [{}])[-1]
    total, unfinished = counts.get("tasks"), counts.get("unfinished")
    if history.keeps_tasks:
        total = begun + not_run
        unfinished = max(0, total - len(last))
    return {
        "in_all": total,
        "done": sum(results[each] for each in _DONE) if history.keeps_tasks else None,
        "results": dict(results.most_common()),
        "failed": results[FAILED] + results[LOST],
        "not_run": not_run,
        "unfinished": unfinished,
        "attempts": len(history.attempts),
        "retries": sum(each.runs_again for each in history.attempts),
        "lost_attempts": sum(each.result == LOST for each in history.attempts),
        "seconds_from_launch_to_start": _spread(waits),
    }


def _apps(attempts: Iterable[Ran]) -> list[dict[str, Any]]:
    seconds: dict[str, list[float]] = defaultdict(list)
    results: dict[str, Counter[str]] = defaultdict(Counter)
    for each in attempts:
        if not each.runs_again:
            results[each.app][each.result] += 1
        if each.seconds is not None:
            seconds[each.app].append(each.seconds)
    names = sorted(results, key=lambda app: (-results[app].total(), app))
    return [
        {
            "app": app,
            "tasks": results[app].total(),
            "results": dict(results[app]),
            "seconds": _spread(seconds[app]),
            "seconds_in_all": math.fsum(seconds[app]),
        }
        for app in names[:_APPS]
    ]


def _spread(values: list[float]) -> dict[str, float] | None:
    """Least, quartiles, 95th percentile and most; None of nothing."""
    if not values:
        return None
    parts = quantiles(values, n=20, method="inclusive") if len(values) > 1 else values * 19
    named = {"least": min(values), "p25": parts[4], "median": parts[9], "p75": parts[14]}
    return {**named, "p95": parts[18], "most": max(values)}


def _failures(history: History) -> list[dict[str, Any]]:
    """Attempts that failed or were lost, by cause: numbers in a message do not make another cause."""
    groups: dict[tuple[str, str], list[Ran]] = defaultdict(list)
    for each in history.attempts:
        if each.result in {FAILED, LOST}:
            reason = history.reason_of(each)
            error, message = (reason.error, reason.message) if reason else ("", "")
            groups[error, _NUMBERS.sub("#", message)].append(each)
    found = []
    for (error, _), attempts in sorted(groups.items(), key=lambda item: -len(item[1])):
        first = attempts[0]
        reason = history.reason_of(first)
        nodes = Counter(node for each in attempts for node in nodes_of(history, each))
        found.append(
            {
                "error": error or "not known",
                "message": reason.message if reason else "",
                "attempts": len(attempts),
                "tasks": len({each.task for each in attempts}),
                "final": sum(not each.runs_again for each in attempts),
                "apps": dict(Counter(each.app for each in attempts).most_common(10)),
                "nodes": dict(nodes.most_common(20)),
                "first_tasks": [each.task for each in attempts[:5]],
            }
        )
    return found[:_CAUSES]


def nodes_of(history: History, attempt: Ran) -> tuple[str, ...]:
    """The nodes that an attempt ran on; none if that is not known."""
    worker = history.worker_of(attempt)
    return worker.nodes if worker else ()


def _block(block: BlockLife, began: float) -> dict[str, Any]:
    def after(when: float | None) -> float | None:
        return None if when is None else round(when - began, 3)

    return {
        "executor": block.executor,
        "block": block.number,
        "job": block.job,
        "nodes": block.nodes,
        "asked": after(block.asked),
        "began": after(block.began),
        "worked": after(block.worked),
        "ended": after(block.ended),
        "waited": _between(block.asked, block.began),
        "ran": _between(block.began, block.ended),
        "state": block.state,
        "cause": block.cause,
        "what": block.what,
    }


def _between(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else max(0.0, second - first)


def _node_hours(history: History, blocks: list[BlockLife]) -> dict[str, float]:
    """What the blocks had, and how much of it tasks used, for nothing or for a result."""
    had = math.fsum(each.nodes * (_between(each.began, each.ended) or 0.0) for each in blocks)
    workers = {each.executor: each.workers for each in blocks}
    used: list[float] = []
    wasted: list[float] = []
    for each in history.attempts:
        worker = history.worker_of(each)
        if worker is None or not each.seconds:
            continue
        nodes = len(worker.nodes) if len(worker.nodes) > 1 else 1 / workers.get(worker.executor, 1)
        (used if each.result == COMPUTED else wasted).append(each.seconds * nodes)
    of_use, for_nothing = math.fsum(used), math.fsum(wasted)
    return {
        "in_all": had / _HOUR,
        "used": of_use / _HOUR,
        "wasted": for_nothing / _HOUR,
        "idle": max(0.0, had - of_use - for_nothing) / _HOUR,
    }
