"""When each worker was busy: as bars of single attempts, or as shares where there are too many."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from math import floor, log10
from typing import Any, NamedTuple

from polaris_parsl.report.blocks import BlockLife
from polaris_parsl.report.reading import History, Ran, WorkerPlace

# So many bars or rectangles a browser draws at once; lanes that can still be read.
_BARS, _CELLS, _LANES = 1500, 6000, 160
_BINS = 120
_APPS, _NODES = 8, 40
_LEAST_SECONDS = 0.001


class _Piece(NamedTuple):
    node: str
    lane: str
    start: float
    end: float
    ran: Ran


def timeline_of(
    history: History, blocks: list[BlockLife], began: float, until: float
) -> dict[str, Any]:
    """Lanes, and what was in them; times in seconds since the run began.

    Args:
        history: the run.
        blocks: of the run.
        began: when, in seconds since 1970.
        until: its end, or now.

    Returns:
        `rows` of the `lanes`, and over time how many workers were `busy` and how many were `there`;
        `busy_share`, the one by the other, None if there were none.
    """
    pieces = list(_pieces(history, began))
    span = max([until - began, *(each.end for each in pieces), 0.001])
    busy: dict[tuple[str, str], float] = defaultdict(float)
    for each in pieces:
        busy[each.node, each.lane] += each.end - each.start
    lanes = sorted(busy, key=lambda lane: tuple(map(_in_order, lane)))
    shown = set(lanes)
    if len(lanes) > _LANES:
        # those that idled most say most about what was lost
        shown = set(sorted(lanes, key=lambda lane: busy[lane])[:_LANES])
    kept = [each for each in pieces if (each.node, each.lane) in shown]
    is_bars = len(kept) <= _BARS
    count = max(20, min(_BINS, _CELLS // max(1, len(shown))))
    width = span / _BINS
    there = _there_over_time(blocks, began, span, width)
    seconds_there = sum(each["workers"] for each in there) * width
    return {
        "seconds": span,
        "lanes": [{"node": node, "lane": lane} for node, lane in lanes if (node, lane) in shown],
        "lanes_in_all": len(lanes),
        "kind": "bars" if is_bars else "shares",
        "rows": [_bar(each) for each in kept] if is_bars else _shares(kept, span / count),
        "width": width if is_bars else span / count,
        "busy": _busy_over_time(pieces, width),
        "there": there,
        "busy_share": min(1.0, sum(busy.values()) / seconds_there) if seconds_there else None,
    }


def _pieces(history: History, began: float) -> Iterable[_Piece]:
    for ran in history.attempts:
        worker = history.worker_of(ran)
        if worker is None or ran.start is None or ran.seconds is None:
            continue
        start = max(0.0, ran.start - began)
        for node in worker.nodes[:64]:
            yield _Piece(node, _lane(worker), start, start + ran.seconds, ran)


def _lane(worker: WorkerPlace) -> str:
    if len(worker.nodes) > 1:
        return "MPI"
    if worker.gpu:
        return f"GPU {worker.gpu}"
    return f"worker {worker.number}" if worker.number else "worker not known"


def _in_order(name: str) -> tuple[int, str]:
    return (len(name), name)


def _bar(piece: _Piece) -> dict[str, Any]:
    return {
        "node": piece.node,
        "lane": f"{piece.node} · {piece.lane}",
        "start": round(piece.start, 3),
        "end": round(piece.end, 3),
        "app": piece.ran.app,
        "task": piece.ran.task,
        "result": piece.ran.result,
    }


def _bins(start: float, end: float, width: float) -> Iterable[tuple[int, float]]:
    """The bins that a time covers, and the seconds in each."""
    first, last = int(start / width), int(end / width)
    for index in range(first, last + 1):
        yield index, min(end, (index + 1) * width) - max(start, index * width)


def _shares(pieces: list[_Piece], width: float) -> list[dict[str, Any]]:
    seconds: dict[tuple[str, str, int], float] = defaultdict(float)
    tasks: dict[tuple[str, str, int], int] = defaultdict(int)
    for each in pieces:
        for index, part in _bins(each.start, each.end, width):
            seconds[each.node, each.lane, index] += part
        tasks[each.node, each.lane, int(each.start / width)] += 1
    return [
        {
            "node": node,
            "lane": f"{node} · {lane}",
            "start": round(index * width, 3),
            "end": round((index + 1) * width, 3),
            "share": round(min(1.0, part / width), 3),
            "tasks": tasks.get((node, lane, index), 0),
        }
        for (node, lane, index), part in seconds.items()
    ]


def _busy_over_time(pieces: list[_Piece], width: float) -> list[dict[str, Any]]:
    """Workers that were busy, on the average of each bin: by node, unless there are too many."""
    by_node = len({each.node for each in pieces}) * _BINS <= _CELLS
    seconds: dict[tuple[str, int], float] = defaultdict(float)
    for each in pieces:
        for index, part in _bins(each.start, each.end, width):
            seconds[each.node if by_node else "", index] += part
    # where no worker was busy, that is a row, too
    none = {("", index): 0.0 for index in range(_BINS + 1)}
    return [
        {"node": node, "t": round(index * width, 3), "workers": round(part / width, 3)}
        for (node, index), part in sorted({**none, **seconds}.items())
    ]


def _there_over_time(
    blocks: list[BlockLife], began: float, span: float, width: float
) -> list[dict[str, Any]]:
    """Workers that there were, on the average of each bin."""
    seconds: dict[int, float] = defaultdict(float)
    for each in blocks:
        if each.worked is None or each.ended is None:
            continue
        start, end = max(0.0, each.worked - began), min(each.ended - began, span)
        for index, part in _bins(start, max(start, end), width):
            seconds[index] += part * each.nodes * each.workers
    bins = range(int(span / width) + 1)
    return [
        {"t": round(index * width, 3), "workers": round(seconds[index] / width, 3)}
        for index in bins
    ]


def durations_of(history: History) -> list[dict[str, Any]]:
    """How many attempts of each app took how long, in five steps to a factor of ten."""
    apps = Counter(each.app for each in history.attempts if each.seconds is not None)
    named = {app for app, _ in apps.most_common(_APPS)}
    nodes = {node for worker in history.workers.values() for node in worker.nodes}
    by_node = len(nodes) <= _NODES
    counts: Counter[tuple[str, str, int]] = Counter()
    for each in history.attempts:
        if each.seconds is None:
            continue
        worker = history.worker_of(each)
        node = worker.host if worker and by_node else ""
        step = floor(5 * log10(max(each.seconds, _LEAST_SECONDS)))
        counts[each.app if each.app in named else "other apps", node, step] += 1
    order = [*(app for app, _ in apps.most_common(_APPS)), "other apps"]
    return [
        {
            "app": app,
            "node": node,
            "least": round(10 ** (step / 5), 5),
            "most": round(10 ** ((step + 1) / 5), 5),
            "tasks": count,
        }
        for (app, node, step), count in sorted(
            counts.items(), key=lambda item: (order.index(item[0][0]), item[0][1:])
        )
    ]
