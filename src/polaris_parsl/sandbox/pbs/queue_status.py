"""Queues and the server as `qstat -Q` and `qstat -B` show them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.facts.queues import Queue
from polaris_parsl.pbs.queue_listing import as_pbs
from polaris_parsl.sandbox.pbs.call import CommandResult
from polaris_parsl.sandbox.pbs.job import Job
from polaris_parsl.sandbox.pbs.refusal import UNKNOWN_QUEUE, Refusal
from polaris_parsl.sandbox.pbs.show import json_document, long_form

# Letters of the states, in PBS's order, and the columns that show them.
_STATES = {"T": "Transit", "Q": "Queued", "H": "Held", "W": "Waiting", "R": "Running",
           "E": "Exiting", "B": "Begun"}  # fmt: skip
_COLUMNS = "QRHWTE"
_BEFORE_ASSIGNED = ("from_route_only", "resources_max", "resources_min", "route_destinations")
_QUEUE_HEAD = """\
Queue              Max   Tot Ena Str   Que   Run   Hld   Wat   Trn   Ext Type
---------------- ----- ----- --- --- ----- ----- ----- ----- ----- ----- ----
"""
_SERVER_HEAD = """\
Server             Max   Tot   Que   Run   Hld   Wat   Trn   Ext Status
---------------- ----- ----- ----- ----- ----- ----- ----- ----- -----------
"""


def show_queues(
    known: Mapping[str, Queue],
    jobs: Sequence[Job],
    names: Sequence[str],
    options: Mapping[str, str],
    result: CommandResult,
) -> None:
    """`qstat -Q`: all queues, or the named ones."""
    for name in names:
        if name not in known:
            result.refuse("qstat", Refusal(UNKNOWN_QUEUE, f"Unknown queue {name}"))
    chosen = [known[name] for name in names or known if name in known]
    if "-F" in options:
        result.stdout = json_document("Queue", {q.name: _queue(q, jobs) for q in chosen}) + "\n"
    elif "-f" in options:
        texts = (long_form(f"Queue: {queue.name}", _queue(queue, jobs)) for queue in chosen)
        result.stdout = "".join(f"{text}\n" for text in texts)
    elif chosen:
        result.stdout = _QUEUE_HEAD + "".join(_queue_row(queue, jobs) for queue in chosen)


def show_server(jobs: Sequence[Job], options: Mapping[str, str], result: CommandResult) -> None:
    """`qstat -B`."""
    server = polaris().pbs_server
    if "-F" in options:
        result.stdout = json_document("Server", {server: _server(jobs)}) + "\n"
    elif "-f" in options:
        result.stdout = long_form(f"Server: {server}", _server(jobs)) + "\n"
    else:
        name = f"{server[:15]}*"
        states = _in_columns(jobs)
        result.stdout = f"{_SERVER_HEAD}{name} {0:>5} {len(jobs):>5} {states} {'Active':<11}\n"


def _queue(queue: Queue, jobs: Sequence[Job]) -> dict[str, Any]:
    there = [job for job in jobs if job.queue == queue.name]
    limits = as_pbs(queue)
    counts = _counts([job for job in there if not job.is_finished])
    first = {name: limits.pop(name) for name in _BEFORE_ASSIGNED if name in limits}
    assigned = {"resources_assigned": _assigned(there)} if there else {}
    return {"queue_type": limits.pop("queue_type"), **counts, **first, **assigned, **limits}


def _server(jobs: Sequence[Job]) -> dict[str, Any]:
    facts = polaris()
    return {
        "server_state": "Active",
        "server_host": facts.pbs_server,
        "scheduling": "True",
        **_counts(jobs),
        "default_queue": facts.default_queue,
        "query_other_jobs": "True",
        "resources_available": {f"{name}_fs": "True" for name in sorted(facts.filesystems)},
        "resources_assigned": _assigned(jobs),
        "pbs_version": facts.pbs_version,
        "job_history_enable": "True",
        "job_history_duration": f"{24 * facts.pbs_history_days}:00:00",
    }


def _counts(jobs: Sequence[Job]) -> dict[str, Any]:
    states = Counter(job.state for job in jobs)
    text = "".join(f"{word}:{states[letter]} " for letter, word in _STATES.items())
    return {"total_jobs": len(jobs), "state_count": text}


def _assigned(jobs: Sequence[Job]) -> dict[str, int]:
    running = [job for job in jobs if job.state in "RE"]
    return {
        "ncpus": sum(job.total("ncpus") for job in running),
        "nodect": sum(len(job.chunks) for job in running),
    }


def _queue_row(queue: Queue, jobs: Sequence[Job]) -> str:
    there = [job for job in jobs if job.queue == queue.name and not job.is_finished]
    kind = "Rou*" if queue.routes_to else "Exe*"
    return f"{queue.name:<16} {0:>5} {len(there):>5} {'yes':>3} {'yes':>3} {_in_columns(there)} {kind}\n"


def _in_columns(jobs: Sequence[Job]) -> str:
    states = Counter(job.state for job in jobs)
    return " ".join(f"{states[letter]:>5}" for letter in _COLUMNS)
