"""The blocks of a run: how long each waited, started and ran, and why it ended."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polaris_parsl.configuration.record.task_attempts import LOST
from polaris_parsl.report.reading import History, time_of

GOES_ON, ENDED, CUT_SHORT, UNKNOWN = (
    "goes on",
    "ended",
    "was cut short",
    "goes on, or was cut short",
)


@dataclass
class BlockLife:
    """A block; times in seconds since 1970, None before they came.

    Attributes:
        nodes: how many it has.
        workers: of each node.
        state: the last one.
        cause: of its end, in a word.
        what: the last words about it.
    """

    executor: str
    number: str
    job: str = ""
    nodes: int = 1
    workers: int = 1
    asked: float | None = None
    began: float | None = None
    worked: float | None = None
    ended: float | None = None
    state: str = ""
    cause: str = ""
    what: str = ""


def state_of(history: History) -> str:
    """Whether a run goes on, as far as that is known here."""
    started = {_text(each, "executor") for each in history.of("executor")}
    over = {_text(each, "executor") for each in history.of("executor_end")}
    if started and started <= over:
        return ENDED
    if history.events[-1]["event"] == "exit":
        return CUT_SHORT
    run = history.events[0]
    if run.get("host") != socket.gethostname():
        return UNKNOWN
    return GOES_ON if _lives(run.get("process"), time_of(run)) else CUT_SHORT


def _lives(process: object, since: float | None) -> bool:
    """Whether a process of that number runs, which is no younger than the run."""
    try:
        born = Path(f"/proc/{process}").stat().st_ctime
    except OSError:
        return False
    return type(process) is int and (since is None or born <= since + 60)


def blocks_of(history: History, now: float) -> list[BlockLife]:
    """The blocks, in the order in which they were asked for.

    Args:
        history: the run.
        now: when blocks that have not ended are cut off, in seconds since 1970.
    """
    shapes = {_text(each, "executor"): each for each in history.of("executor")}
    ends = {_text(each, "executor"): time_of(each) for each in history.of("executor_end")}
    blocks: dict[tuple[str, str], BlockLife] = {}
    watched: set[tuple[str, str]] = set()
    for event in history.of("block", "block_state"):
        executor, number = _text(event, "executor"), _text(event, "block")
        block = blocks.setdefault(
            (executor, number), _new(executor, number, shapes.get(executor, {}))
        )
        block.job = _text(event, "job") or block.job
        when = time_of(event)
        block.asked = block.asked or when
        if event["event"] == "block_state":
            watched.add((executor, number))
            _take_state(block, event, when)
    _widen(blocks, history)
    for key, block in blocks.items():
        if key not in watched:  # inside a job it works at once, until its executor ends
            block.state, block.began, block.worked = "working", block.asked, block.asked
            if block.executor in ends:
                block.state, block.ended = "ended", ends[block.executor]
                block.cause = "its run ended"
        if block.began is not None and block.ended is None and block.state != "ended":
            block.ended = max(now, block.began)
    return list(blocks.values())


def _widen(blocks: Mapping[tuple[str, str], BlockLife], history: History) -> None:
    """Let no task lie outside of its block: PBS is asked now and then, and events have whole seconds.

    When a task ended that was lost is not known.
    """
    for each in history.attempts:
        worker = history.worker_of(each)
        block = blocks.get((worker.executor, worker.block)) if worker else None
        if block is None or each.start is None or each.end is None or each.result == LOST:
            continue
        block.began = min(block.began or each.start, each.start)
        block.worked = min(block.worked or each.start, each.start)
        if block.ended is not None:
            block.ended = max(block.ended, each.end)


def _take_state(block: BlockLife, event: Mapping[str, Any], when: float | None) -> None:
    block.state = _text(event, "state")
    block.cause, block.what = _text(event, "cause"), _text(event, "what")
    if block.state in {"starting", "working"}:
        block.began = block.began or when
    if block.state == "working":
        block.worked = block.worked or when
    if block.state == "ended":
        block.ended = when


def _new(executor: str, number: str, shape: Mapping[str, Any]) -> BlockLife:
    nodes, workers = (shape.get(key) for key in ("nodes", "workers"))
    return BlockLife(
        executor,
        number,
        nodes=nodes if type(nodes) is int and nodes > 0 else 1,
        workers=workers if type(workers) is int and workers > 0 else 1,
    )


def _text(event: Mapping[str, Any], key: str) -> str:
    found = event.get(key)
    return found[:300] if isinstance(found, str) else ""
