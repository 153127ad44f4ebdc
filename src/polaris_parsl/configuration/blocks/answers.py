"""What qstat and qsub say, in words: known, not known, refused for now, refused for good.

Source: a real OpenPBS; tests/recorded/openpbs has what it printed.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

_UNKNOWN_JOB = re.compile(r"Unknown Job Id (\S+)")
# The server does not answer, or not now.
_NOT_NOW = re.compile(
    r"errno=|connection (refused|reset|timed out)|cannot connect|couldn't connect|timed? ?out"
    r"|no reply|did not answer|communication failure|server.*(busy|shutting down)"
    r"|no route to host|temporarily|broken pipe|end of file|try again",
    re.IGNORECASE,
)
# As many jobs as one may have; another may be taken when one of them has ended.
_TOO_MANY = re.compile(r"would exceed .*limit", re.IGNORECASE)


@dataclass(frozen=True)
class JobAnswer:
    """What PBS says of a job.

    Attributes:
        state: PBS's letter.
        exit_status: None if it has not ended, or never ran.
        comment: PBS's words.
        runs: how often it was started.
        host: its first node.
    """

    state: str
    exit_status: int | None = None
    comment: str = ""
    runs: int = 0
    host: str = ""


@dataclass(frozen=True)
class QstatAnswer:
    """What one qstat has said.

    Attributes:
        jobs: of which it said something, by id.
        gone: jobs that PBS says it does not know.
        problem: why nothing is known; "" where something is.
    """

    jobs: dict[str, JobAnswer]
    gone: frozenset[str] = frozenset()
    problem: str = ""


def read_qstat(asked: Collection[str], exit_code: int, output: str, errors: str) -> QstatAnswer:
    """What `qstat -x -f -F json JOB...` has said. What it did not say is not known.

    Args:
        asked: full ids of the jobs.
        exit_code: of qstat.
        output: its standard output.
        errors: its standard error.
    """
    gone = frozenset(_UNKNOWN_JOB.findall(errors)) & frozenset(asked)
    try:
        listed = json.loads(output).get("Jobs", {})
        jobs = {job: _job(listed[job]) for job in asked if job in listed}
    except (ValueError, AttributeError, TypeError):
        jobs = {}
    if jobs or gone:
        return QstatAnswer(jobs, gone)
    said = " ".join(errors.split()) or " ".join(output.split())[:80] or "nothing"
    return QstatAnswer({}, problem=f"exit code {exit_code}: {said}")


def _job(facts: dict[str, Any]) -> JobAnswer:
    status, runs = facts.get("Exit_status"), facts.get("run_count", 0)
    return JobAnswer(
        state=str(facts["job_state"]) if "job_state" in facts else "?",
        exit_status=status if isinstance(status, int) else None,
        comment=str(facts.get("comment", "")),
        runs=runs if isinstance(runs, int) else 0,
        host=str(facts.get("exec_host", "")).partition("/")[0],
    )


def is_for_now(errors: str) -> bool:
    """Whether qsub may take the same job later, because the server did not answer."""
    return bool(_NOT_NOW.search(errors))


def is_full(errors: str) -> bool:
    """Whether qsub may take the same job when another of the user's has ended."""
    return bool(_TOO_MANY.search(errors))


def remedy_for(errors: str) -> str:
    """What to do about a refusal that will not change."""
    for pattern, remedy in _REMEDIES.items():
        if re.search(pattern, errors, re.IGNORECASE):
            return remedy
    return "`polaris-parsl script` shows the job script; `qsub` of it by hand gives the same answer"


_REMEDIES = {
    "queue": "`polaris-parsl queues` lists the queues and their limits; pass one as queue=...",
    "allocation|account|project": "`sbank` lists your projects; pass one as account=...",
    "filesystem": 'name the filesystems: scheduler_options="#PBS -l filesystems=home:eagle"',
    "limits|walltime|select": "`polaris-parsl queues` shows what the queue takes: nodes and walltime",
}
