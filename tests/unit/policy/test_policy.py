import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris_parsl.errors import OptionError, PolarisParslWarning
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.policy.policy import check_policy
from polaris_parsl.sandbox.pbs.limits import check_queue, destination, find_queue
from polaris_parsl.sandbox.pbs.refusal import Refusal
from polaris_parsl.sandbox.pbs.submit import make_job


def check(**wanted: Any) -> None:
    check_policy(ExecutorOptions.parse({"account": "datascience", **wanted}))


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"queue": "debug", "nodes_per_block": 2, "walltime": "1:00:00"},
        {"queue": "debug-scaling", "nodes_per_block": 10, "walltime": "0:05:00"},
        {"queue": "prod", "nodes_per_block": 10, "walltime": "3:00:00"},
        {"queue": "prod", "nodes_per_block": 100, "walltime": "24:00:00", "max_blocks": 5},
        {"queue": "preemptable", "nodes_per_block": 1, "walltime": "72:00:00", "max_blocks": 10},
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
        (
            {"queue": "debug", "nodes_per_block": 3},
            ["does not take", "1:00:00 needs 1-2 nodes (debug)", "queue=debug-scaling or preempt"],
        ),
        (
            {"queue": "debug", "walltime": "2:00:00"},
            ["1 node runs 0:05:00 to 1:00:00", "use walltime of 0:05:00 to", "queue=preemptable"],
        ),
        ({"queue": "debug", "walltime": "0:04:59"}, ["'0:04:59'", "0:05:00"]),
        (
            {"queue": "prod", "nodes_per_block": 10, "walltime": "24:00:00"},
            [
                "lose the job: 10 nodes run 0:05:00 to 3:00:00 (small); 24:00:00 needs 100-496 nodes",
                "(large) [ALCF docs/polaris/running-jobs/index.md, read 2026-11-22]",
                "use walltime of 0:05:00 to 3:00:00, or nodes_per_block of 100-496, or queue=pre",
            ],
        ),
        (
            {"queue": "prod", "nodes_per_block": 10, "walltime": "5:00:00"},
            [
                "needs 25-496 nodes (medium, large)",
                "walltime_max_minutes = 360 in ALCF docs/polaris/known",
            ],
        ),
        (
            {"queue": "prod", "nodes_per_block": 5, "walltime": "200:00:00"},
            ["it takes 10-496 nodes for 0:05:00 to 24:00:00", "fix: use nodes_per_block of 10-496"],
        ),
        ({"queue": "prod", "max_blocks": 111, "nodes_per_block": 10}, ["prod and small together"]),
        ({"queue": "demand", "max_blocks": 101}, ["100 jobs of a project"]),
        ({"queue": "preemptable", "max_blocks": 21}, ["holds no more than 20 jobs of a project"]),
        ({"queue": "debug", "max_blocks": 3}, ["holds no more than 2 jobs", "use max_blocks=2"]),
        ({"queue": "capacity", "max_blocks": 3}, ["holds no more than 2 jobs of a user"]),
        ({"queue": "prod", "nodes_per_block": 2}, ["lose the job", "debug"]),
        (
            {"queue": "prod", "nodes_per_block": 500, "walltime": "1:00:00"},
            ["needs 10-496 nodes (small, medium, large)", "nodes_max = 512 in E3SM-Project/mache"],
        ),
        (
            {"queue": "small", "nodes_per_block": 10},
            ["takes no jobs", "use queue=prod, which routes jobs of 10-24 nodes for 0:05:00"],
        ),
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
        ({"queue": "debug", "max_blocks": 2}, "agent-skillset.* no more than 1 job of a user"),
    ],
)
def test_where_sources_disagree_there_is_a_warning_and_no_refusal(
    wanted: dict[str, Any], words: str
) -> None:
    with pytest.warns(PolarisParslWarning, match=words):
        check(**wanted)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (
            {"queue": "prod", "nodes_per_block": 10, "max_blocks": 11},
            "small runs no more than 10 jobs of a project at a time",
        ),
        ({"queue": "preemptable", "max_blocks": 11}, "no more than 10 jobs of a project"),
        ({"queue": "capacity", "max_blocks": 2}, "capacity runs no more than 1 job of a user"),
    ],
)
def test_more_blocks_than_run_at_a_time_are_taken_with_a_warning(
    wanted: dict[str, Any], words: str
) -> None:
    with pytest.warns(PolarisParslWarning, match=words):
        check(**wanted)


@pytest.mark.parametrize(("nodes", "warned"), [(476, False), (477, True), (496, True)])
def test_more_nodes_than_alcf_recommends_are_taken_with_a_warning(nodes: int, warned: bool) -> None:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        check(queue="prod", nodes_per_block=nodes)
    assert ["recommends at most 476 to 486" in str(each.message) for each in found] == [
        True
    ] * warned


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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PolarisParslWarning)
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


def test_nodes_that_could_never_be_placed_are_refused() -> None:
    pack = "#PBS -l filesystems=home\n#PBS -l place=pack:exclhost"
    with pytest.raises(OptionError, match="would wait for ever"):
        check(queue="debug", nodes_per_block=2, scheduler_options=pack)
    check(scheduler_options=pack)
    check(queue="debug", nodes_per_block=2, scheduler_options=pack.replace("pack", "scatter"))


def test_a_queue_that_ignores_divided_gpus_gets_a_warning() -> None:
    divided = "#PBS -l filesystems=home\n#PBS -l mig_config=/eagle/p/mig.json"
    with pytest.warns(PolarisParslWarning, match="ignores in capacity: GPUs are divided in debug"):
        check(queue="capacity", scheduler_options=divided)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(queue="debug", scheduler_options=divided)


def test_an_unlisted_queue_is_taken_by_who_insists_and_a_misspelt_one_is_corrected() -> None:
    for name in ("HandsOnHPC", "SDL_Workshop", "fallws23scaling"):
        with pytest.raises(OptionError) as refusal:
            check(queue=name)
        assert "pass unlisted_queue=True" in refusal.value.remedy
        check(queue=name, unlisted_queue=True, nodes_per_block=30, walltime="9:00:00")
    with pytest.raises(OptionError) as refusal:
        check(queue="Debug-Scaling")
    assert refusal.value.remedy.startswith("did you mean debug-scaling? Or use one of")
