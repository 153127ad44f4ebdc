"""How a run stands now: its blocks, its tasks, how fast they end, and what the walltime will cut."""

from collections.abc import Mapping
from typing import Any

from polaris_parsl.configuration.blocks.answers import QstatAnswer
from polaris_parsl.errors import OptionError
from polaris_parsl.pbs.walltime import read_walltime
from polaris_parsl.report.blocks import GOES_ON, UNKNOWN, BlockLife, blocks_of
from polaris_parsl.report.figures import counts_of
from polaris_parsl.report.reading import History
from polaris_parsl.report.words import duration

# The rate is that of the last so many seconds.
_LATELY = 300.0
_MAY_GO_ON = {GOES_ON, UNKNOWN}


def status_of(history: History, now: float, said: QstatAnswer | None = None) -> dict[str, Any]:
    """How a run stands, as JSON has it.

    Args:
        history: the run.
        now: in seconds since 1970.
        said: what PBS says of its jobs; None if it was not asked.
    """
    figures = counts_of(history, now)
    goes_on = figures["state"] in _MAY_GO_ON
    blocks = blocks_of(history, now)
    tasks = figures["tasks"]
    working = [each for each in blocks if goes_on and each.state == "working"]
    workers = sum(each.nodes * each.workers for each in working)
    unfinished = tasks["unfinished"] or 0
    ends = [each.end for each in history.attempts if not each.runs_again and each.end is not None]
    span = (
        min(_LATELY, max(1.0, now - figures["began"])) if figures["began"] is not None else _LATELY
    )
    rate = sum(end > now - span for end in ends) / span if goes_on else 0.0
    return {
        "run_dir": figures["run_dir"],
        "state": figures["state"],
        "seconds": figures["seconds"],
        "problems": figures["problems"],
        "tasks": {
            "in_all": tasks["in_all"],
            "done": tasks["done"],
            "failed": tasks["failed"],
            "not_run": tasks["not_run"],
            # each worker has one task at most; which of them it has is known when it ends
            "running": min(unfinished, workers),
            "waiting": max(0, unfinished - workers),
            "retries": tasks["retries"],
        },
        "nodes": sum(each.nodes for each in working),
        "workers": workers,
        "workers_busy": min(unfinished, workers),
        "tasks_per_second": round(rate, 3),
        "seconds_left": round(unfinished / rate) if rate and unfinished else None,
        "node_hours": figures["node_hours"]["in_all"],
        "blocks": [_block(each, history, now, said) for each in blocks],
        "next_walltime": _next_walltime(blocks, history, now, figures) if goes_on else None,
    }


def is_over(status: Mapping[str, Any]) -> bool:
    """Whether nothing more will come of a run."""
    return status["state"] not in _MAY_GO_ON


def alive_jobs(history: History, now: float) -> list[str]:
    """The jobs of blocks that have not ended."""
    return [each.job for each in blocks_of(history, now) if each.job and each.state != "ended"]


def as_lines(status: Mapping[str, Any]) -> list[str]:
    """The same for a terminal, but for the blocks."""
    tasks = status["tasks"]
    lines = [f"{status['run_dir']}: {status['state']}, {duration(status['seconds'])}"]
    lines += [f"note: {each}" for each in status["problems"]]
    if tasks["done"] is None:
        lines.append(f"tasks: {tasks['in_all'] if tasks['in_all'] is not None else 'not counted'}")
    else:
        lines.append(
            f"tasks: {tasks['done']} of {tasks['in_all']} done, {tasks['running']} running, "
            f"{tasks['waiting']} waiting, {tasks['failed']} failed, {tasks['not_run']} not run, "
            f"{tasks['retries']} retries"
        )
    if status["tasks_per_second"]:
        left = status["seconds_left"]
        lines.append(
            f"{status['tasks_per_second']:.2f} tasks a second"
            + (f", {duration(left)} left" if left else "")
        )
    lines.append(
        f"nodes: {status['nodes']}; workers: {status['workers']}, {status['workers_busy']} busy; "
        f"node-hours: {status['node_hours']:.2f}"
    )
    if found := status["next_walltime"]:
        lines.append(found["words"])
    return lines


def block_rows(status: Mapping[str, Any]) -> list[list[str]]:
    """The blocks, as rows of a table with its head."""
    rows = [["block", "job", "nodes", "state", "since it was asked", "why"]]
    for each in status["blocks"]:
        state = each["state"] + (f" (PBS: {each['pbs_state']})" if each["pbs_state"] else "")
        why = each["pbs_comment"] or each["cause"] or each["what"]
        job = each["job"].partition(".")[0]
        rows.append([each["block"], job, str(each["nodes"]), state, duration(each["age"]), why])
    return rows


def _block(
    block: BlockLife, history: History, now: float, said: QstatAnswer | None
) -> dict[str, Any]:
    answer = said.jobs.get(block.job) if said is not None else None
    until = block.ended if block.state == "ended" and block.ended is not None else now
    return {
        "block": f"{block.executor} {block.number}",
        "job": block.job,
        "nodes": block.nodes,
        "state": block.state,
        "cause": block.cause,
        "what": block.what,
        "age": max(0.0, until - block.asked) if block.asked is not None else None,
        "pbs_state": answer.state if answer else "",
        "pbs_comment": answer.comment if answer else "",
        "walltime_left": _walltime_left(block, history, now),
    }


def _walltime_left(block: BlockLife, history: History, now: float) -> float | None:
    if block.began is None or block.state == "ended":
        return None
    for event in history.of("executor"):
        if event.get("executor") == block.executor and isinstance(event.get("walltime"), str):
            try:
                return block.began + read_walltime(event["walltime"]).total_seconds() - now
            except (OptionError, ValueError):
                return None
    return None


def _next_walltime(
    blocks: list[BlockLife], history: History, now: float, figures: Mapping[str, Any]
) -> dict[str, Any] | None:
    left = [(_walltime_left(each, history, now), each) for each in blocks]
    known = [(seconds, each) for seconds, each in left if seconds is not None and seconds > 0]
    if not known:
        return None
    seconds, block = min(known, key=lambda pair: pair[0])
    longest = max(
        (each["seconds"]["median"] for each in figures["apps"] if each["seconds"]), default=None
    )
    words = f"the walltime of block {block.number} ends in {duration(seconds)}"
    if longest is not None and longest > seconds:
        words += f", before tasks of {duration(longest)} that begin now"
    elif figures["tasks"]["unfinished"]:
        words += f", and cuts off what then runs on its {block.nodes * block.workers} workers"
    return {"block": block.number, "seconds": seconds, "words": words}
