"""The runs of a directory, a line each; of their tasks, only the counts are read."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polaris_parsl.errors import RunError
from polaris_parsl.report.figures import counts_of
from polaris_parsl.report.reading import read_run, runs_in
from polaris_parsl.report.words import duration


def list_runs(folder: Path, now: float) -> list[dict[str, Any]]:
    """What is known of each run in a directory, in their order.

    Args:
        folder: that holds run directories.
        now: in seconds since 1970.

    Raises:
        RunError: it holds none.
    """
    found = runs_in(folder)
    if not found:
        raise RunError(
            f"{folder} holds no run directories of Parsl",
            remedy="name the run_dir of your configuration, as runinfo",
        )
    return [_facts(each, now) for each in found]


def row_of(run: Mapping[str, Any]) -> list[str]:
    """A line of the list."""
    if "problem" in run:
        return [Path(run["run_dir"]).name, "-", "-", run["problem"], "-", "-", "-", "-"]
    began = run["began"]
    return [
        Path(run["run_dir"]).name,
        time.strftime("%Y-%m-%d %H:%M", time.localtime(began)) if began is not None else "-",
        duration(run["seconds"]),
        run["state"],
        _count(run["tasks"]),
        _count(run["failed"]),
        str(run["blocks"]),
        f"{run['node_hours']:.2f}",
    ]


def _facts(folder: Path, now: float) -> dict[str, Any]:
    try:
        history = read_run(folder, with_tasks=False)
    except RunError as error:
        words = "no record" if "has no record" in error.problem else "not readable"
        return {"run_dir": str(folder), "problem": words}
    figures = counts_of(history, now)
    states = (history.of("tasks") or [{}])[-1].get("states")
    counted = states if isinstance(states, dict) else {}
    failed = [counted.get(name) for name in ("failed", "dep_fail")]
    return {
        "run_dir": str(folder),
        "state": figures["state"],
        "began": figures["began"],
        "seconds": figures["seconds"],
        "tasks": figures["tasks"]["in_all"],
        "failed": sum(each for each in failed if type(each) is int) if counted else None,
        "blocks": figures["blocks_in_all"],
        "node_hours": figures["node_hours"]["in_all"],
    }


def _count(number: object) -> str:
    return str(number) if type(number) is int else "-"
