"""What follows from the figures of a run, in sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

from polaris_parsl.report.words import counted, duration

Figures = Mapping[str, Any]
# Less than that of a run says little.
_LEAST_NODE_HOURS, _LEAST_TASKS = 0.05, 20
_IDLE, _SHORT_SECONDS, _ON_ONE_NODE = 0.5, 1.0, 0.7


def advice(figures: Figures) -> list[str]:
    """Sentences, the dearest first; none if nothing stands out."""
    found = (
        _idle,
        _waits,
        _short_tasks,
        _cut_off,
        _one_node,
        _killed,
        _wasted,
        _drift,
        _unfinished,
    )
    return [text for each in found for text in each(figures)]


def _idle(figures: Figures) -> Iterator[str]:
    hours = figures["node_hours"]
    if not figures["keeps_tasks"] or hours["in_all"] < _LEAST_NODE_HOURS:
        return
    share = hours["idle"] / hours["in_all"]
    if share >= _IDLE:
        yield (
            f"workers waited {share:.0%} of their time for tasks ({hours['idle']:.2f} node-hours): ask for "
            "fewer nodes or blocks, or submit more tasks at once"
        )


def _waits(figures: Figures) -> Iterator[str]:
    known = [each for each in figures["blocks"] if each["waited"] is not None and each["ran"]]
    waited, ran = (sum(each[key] for each in known) for key in ("waited", "ran"))
    if waited > 600 and waited > ran:
        yield (
            f"blocks waited longer in the queue ({duration(waited)}) than they ran ({duration(ran)}): "
            "`polaris-parsl queues` lists others; a longer walltime asks less often"
        )


def _short_tasks(figures: Figures) -> Iterator[str]:
    for app in figures["apps"][:5]:
        spread = app["seconds"]
        if spread and app["tasks"] >= 100 * _LEAST_TASKS and spread["median"] < _SHORT_SECONDS:
            yield (
                f"half of the {app['tasks']:,} tasks of {app['app']} took less than "
                f"{duration(spread['median'])}: let one task do several, or take "
                'preset="throughput": Parsl hands out some hundreds a second'
            )


def _cut_off(figures: Figures) -> Iterator[str]:
    cut = sum(
        each["attempts"]
        for each in figures["failures"]
        if each["error"] == "lost" and "walltime" in each["message"]
    )
    if cut:
        yield (
            f"the walltime cut off {counted(cut, 'attempt')}: give a longer one, or task_walltime=, by which no "
            "node takes a task that cannot end in time"
        )


def _one_node(figures: Figures) -> Iterator[str]:
    nodes = {each["node"] for each in figures["timeline"]["lanes"]}
    for failure in figures["failures"]:
        if failure["attempts"] < 3 or len(nodes) < 2 or not failure["nodes"]:
            continue
        node, count = max(failure["nodes"].items(), key=lambda item: item[1])
        if count / failure["attempts"] >= _ON_ONE_NODE:
            yield (
                f"{count} of {failure['attempts']} failures with {failure['error']} were on {node}: look "
                "at that node with `polaris-parsl doctor --on-node`"
            )


def _killed(figures: Figures) -> Iterator[str]:
    for failure in figures["failures"]:
        if failure["error"] == "WorkerKilled" and "SIGKILL" in failure["message"]:
            yield (
                f"SIGKILL ended {counted(failure['attempts'], 'worker')}, as when the memory of a node "
                "runs out: run fewer workers on a node, or let a task need less"
            )


def _wasted(figures: Figures) -> Iterator[str]:
    hours = figures["node_hours"]
    if hours["in_all"] >= _LEAST_NODE_HOURS and hours["wasted"] >= 0.05 * hours["in_all"]:
        yield (
            f"attempts that failed or were lost used {hours['wasted']:.2f} of {hours['in_all']:.2f} "
            "node-hours: see the failures"
        )


def _drift(figures: Figures) -> Iterator[str]:
    changes = figures["environment"]["drift"]
    if changes:
        yield (
            f"the install differed from its receipt in {counted(len(changes), 'place')} when the run began, "
            f"as {changes[0]}: `polaris-parsl verify` says what that means"
        )


def _unfinished(figures: Figures) -> Iterator[str]:
    count = figures["tasks"]["unfinished"]
    if count and figures["state"] in {"ended", "was cut short"}:
        yield (
            f"{counted(count, 'task')} had not ended when the run did: wait for each with .result(), or pass "
            'exit_mode="wait"'
        )
