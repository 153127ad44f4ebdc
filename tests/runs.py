"""Records of runs that tests have made up."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BEGAN = 1_764_320_000.0


def event(name: str, after: float, **facts: Any) -> dict[str, Any]:
    """An event, so many seconds after the run began."""
    when = datetime.fromtimestamp(BEGAN + after, UTC).isoformat(timespec="seconds")
    return {"event": name, "time": when, **facts}


def beginning(**facts: Any) -> dict[str, Any]:
    """The first event of a run."""
    known = {
        "format": 1,
        "run_id": "cd5c",
        "host": "polaris-login-01",
        "process": 1,
        "parsl": "2026.10.26",
        "python": "3.11.7",
        "configuration": None,
    }
    return event(
        "run", 0, **{**known, "polaris_parsl": "2026.11.1", "workflow": "sweep.py", **facts}
    )


def block(
    number: int, waited: float, until: float, cause: str = "given back"
) -> list[dict[str, Any]]:
    """The events of a block of one node."""
    states = (("queued", 1.0, None), ("starting", 1 + waited, None), ("working", 11 + waited, None))
    return [
        event(
            "block_state", after, executor="gpu", block=str(number), job=f"{number}.pbs", state=state,
            cause=why, what=f"it is {state}",
        )
        for state, after, why in (*states, ("ended", until, cause))
    ]  # fmt: skip


def worker(number: int, host: str, gpu: str, **facts: Any) -> dict[str, Any]:
    """A line of a worker."""
    return {
        "worker": number,
        "executor": "gpu",
        "block": "0",
        "number": gpu,
        "host": host,
        "gpu": gpu,
        **facts,
    }


def attempt(task: int, start: float, end: float, on: int = 0, **facts: Any) -> dict[str, Any]:
    """A line of an attempt; times in seconds after the run began."""
    known = {
        "task": task,
        "app": "simulate",
        "result": "computed",
        "submitted": BEGAN + 1,
        "launched": BEGAN + 1,
    }
    return {**known, "start": BEGAN + start, "end": BEGAN + end, "worker": on, **facts}


def write_run(folder: Path, events: list[Any], tasks: list[Any] | None) -> Path:
    """Write a run; texts among the lines are written unchanged."""
    own = folder / "polaris_parsl"
    own.mkdir(parents=True)
    for name, lines in (("run.jsonl", events), ("tasks.jsonl", tasks)):
        if lines is not None:
            texts = [each if isinstance(each, str) else json.dumps(each) for each in lines]
            (own / name).write_text("".join(f"{each}\n" for each in texts))
    return folder


def usual_run(folder: Path) -> Path:
    """A run of two nodes with two GPUs each: 40 tasks, a retry, failures on one node, a task that was cut off."""
    events = [
        beginning(),
        event("executor", 1, executor="gpu", mode="blocks", nodes=1, workers=2, gpus=2),
        *block(0, 60, 400), *block(1, 100, 400, "walltime"),
        event("executor_end", 400, executor="gpu"),
    ]  # fmt: skip
    workers = [
        worker(2 * node + gpu, f"n{node}", str(gpu), block=str(node))
        for node in (0, 1)
        for gpu in (0, 1)
    ]
    tasks = [
        attempt(each, 120 + 10 * (each // 4), 128 + 10 * (each // 4), each % 4)
        for each in range(40)
    ]
    tasks[0] |= {"result": "failed", "runs_again": True, "reason": 0}
    tasks += [attempt(0, 300, 308, 0, **{"try": 1})]
    for number in (40, 41, 42):
        tasks.append(
            attempt(
                number, 310, 311, 3, app="analyse", result="failed", reason=1 if number == 40 else 2
            )
        )
    tasks.append(attempt(43, 320, 400, 3, app="analyse", result="lost", reason=3, runs_again=True))
    tasks.append({"task": 44, "app": "analyse", "result": "not run", "end": BEGAN + 312})
    reasons = [
        {"reason": 0, "error": "OSError", "message": "no space left"},
        {"reason": 1, "error": "ValueError", "message": "the mesh 17 has no cells"},
        {"reason": 2, "error": "ValueError", "message": "the mesh 18 has no cells"},
        {"reason": 3, "error": "lost", "message": "cut off by the walltime of 0:05:00"},
    ]
    begun = [{"begun": [[0, 39]], "app": "simulate"}, {"begun": [[40, 43]], "app": "analyse"}]
    return write_run(folder, events, [{"format": 1}, *begun, *workers, *reasons, *tasks])
