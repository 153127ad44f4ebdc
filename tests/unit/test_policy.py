import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris_parsl.errors import OptionError, PolarisParslWarning
from polaris_parsl.facts import polaris
from polaris_parsl.options import Options
from polaris_parsl.policy import check_policy
from polaris_parsl.sandbox.pbs.limits import check_queue, destination, find_queue
from polaris_parsl.sandbox.pbs.refusal import Refusal
from polaris_parsl.sandbox.pbs.submit import make_job


def check(**wanted: Any) -> None:
    check_policy(Options.parse({"account": "datascience", **wanted}))


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"queue": "debug", "nodes_per_block": 2, "walltime": "1:00:00"},
        {"queue": "debug-scaling", "nodes_per_block": 10, "walltime": "0:05:00"},
        {"queue": "prod", "nodes_per_block": 10, "walltime": "3:00:00"},
        {"queue": "prod", "nodes_per_block": 100, "walltime": "24:00:00", "max_blocks": 5},
        {"queue": "preemptable", "nodes_per_block": 1, "walltime": "72:00:00", "max_blocks": 20},
        {"queue": "R1819640", "nodes_per_block": 200, "walltime": "12:00:00", "max_blocks": 3},
        {"queue": "alcf_training", "nodes_per_block": 1},
    ],
)
def test_a_request_within_the_limits_is_taken(wanted: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(**wanted)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"queue": "debug", "nodes_per_block": 3}, ["debug (1-2 nodes", "debug-scaling"]),
        ({"queue": "debug", "walltime": "2:00:00"}, ["0:05:00 to 1:00:00", "preemptable"]),
        ({"queue": "debug", "walltime": "0:04:59"}, ["'0:04:59'", "0:05:00"]),
        (
            {"queue": "prod", "nodes_per_block": 10, "walltime": "24:00:00"},
            [
                "lose the job",
                "small (10-24 nodes, 0:05:00 to 3:00:00)",
                "large (100-496",
                "preempt",
            ],
        ),
        ({"queue": "prod", "nodes_per_block": 2}, ["lose the job", "debug"]),
        ({"queue": "prod", "nodes_per_block": 500, "walltime": "1:00:00"}, ["500", "496"]),
        ({"queue": "small", "nodes_per_block": 10}, ["takes no jobs", "submit to prod"]),
        ({"queue": "debug-scalling"}, ["neither a queue of Polaris nor a reservation", "debug-sc"]),
        ({"queue": "R12x"}, ["'R12x'", "R123456"]),
        (
            {"queue": "debug-scaling", "max_blocks": 2},
            ["max_blocks=2", "no more than 1 job", "more nodes_per_block", "read 2026-11-22"],
        ),
        ({"scheduler_options": "#PBS -l filesystems=home:eagel"}, ["'eagel'", "home, eagle"]),
    ],
)
def test_what_pbs_would_refuse_or_lose_is_refused_with_limit_source_and_remedy(
    wanted: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(OptionError) as refusal:
        check(**wanted)
    for piece in [*words, "\n  fix: "]:
        assert piece in str(refusal.value)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"scheduler_options": "#PBS -l filesystems=home:grand"}, "'grand'"),
        ({"queue": "capacity", "max_blocks": 3}, "the documents count the two jobs per user"),
    ],
)
def test_where_sources_disagree_there_is_a_warning_and_no_refusal(
    wanted: dict[str, Any], words: str
) -> None:
    with pytest.warns(PolarisParslWarning, match=words):
        check(**wanted)


@given(
    queue=st.sampled_from([*polaris().queues, "nosuch"]),
    nodes=st.integers(1, polaris().node_count)
    | st.sampled_from([q.nodes_max + 1 for q in polaris().queues.values()]),
    minutes=st.integers(1, 11_000)
    | st.sampled_from([q.walltime_max_minutes for q in polaris().queues.values()]),
)
def test_the_sandbox_takes_just_what_the_policy_takes(queue: str, nodes: int, minutes: int) -> None:
    walltime = f"{minutes // 60}:{minutes % 60:02d}:00"
    try:
        check(queue=queue, nodes_per_block=nodes, walltime=walltime)
        ours = True
    except OptionError:
        ours = False
    script = (
        f"#PBS -A datascience -q {queue} -l walltime={walltime} -l filesystems=home:eagle\n"
        f"#PBS -l select={nodes}:ncpus=64:ngpus=4\n"
    )
    try:
        job = make_job(1, [], script=script, cwd="/", environment={"HOME": "/"})
        wanted = find_queue(job.queue)
        check_queue(job, wanted, [], None)
        theirs = destination(job, wanted, None) is not None
    except Refusal:
        theirs = False
    assert ours == theirs
