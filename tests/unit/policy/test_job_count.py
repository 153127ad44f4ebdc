import warnings
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from polaris_parsl.errors import OptionError, PolarisParslWarning
from polaris_parsl.facts.conflicting_sources import ConflictingSource
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.facts.queues import Queue
from polaris_parsl.policy.job_count import check_blocks
from polaris_parsl.sandbox.pbs.limits import check_queue, destination, has_room, why_not_now
from polaris_parsl.sandbox.pbs.refusal import Refusal
from polaris_parsl.sandbox.pbs.submit import make_job


def test_a_limit_that_only_the_facts_state_gives_a_warning() -> None:
    known = polaris().queues["preemptable"]
    other = ConflictingSource("max_queued", {"user": 50}, "a page", known.checked, "it is older")
    with pytest.warns(
        PolarisParslWarning, match="20 jobs of a project.*max_queued = 50/user in a page"
    ):
        check_blocks(21, replace(known, conflicting_sources=(other,)), known)


def jobs_taken(queue: Queue, target: Queue) -> int:
    """Jobs of one user that the sandbox's qsub takes one after the other while none ends."""
    script = (
        f"#PBS -A datascience -q {queue.name} -l filesystems=home:eagle\n"
        f"#PBS -l walltime=0:05:00 -l select={target.nodes_min}:ngpus=4\n"
    )
    jobs: list[Any] = []
    with suppress(Refusal):
        while True:
            job = make_job(1, [], script=script, cwd="/", environment={"HOME": "/"})
            check_queue(job, queue, jobs, None)
            name = destination(job, queue, None)
            assert name == target.name
            if has_room(job, target, jobs):
                job.queue = name
            if job.queue == target.name and why_not_now(job, target, jobs) is None:
                job.state = "R"
            jobs.append(job)
    return len(jobs)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("debug", "debug"),
        ("debug-scaling", "debug-scaling"),
        ("prod", "small"),
        ("prod", "large"),
        ("preemptable", "preemptable"),
        ("demand", "demand"),
        ("capacity", "capacity"),
    ],
)
def test_the_sandbox_takes_just_as_many_jobs_as_the_policy_allows_blocks(
    name: str, target: str
) -> None:
    queue, runs_in = polaris().queues[name], polaris().queues[target]
    taken = jobs_taken(queue, runs_in)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PolarisParslWarning)
        check_blocks(taken, queue, runs_in)
    with pytest.raises(OptionError, match=rf"no more than {taken} jobs? of a"):
        check_blocks(taken + 1, queue, runs_in)
