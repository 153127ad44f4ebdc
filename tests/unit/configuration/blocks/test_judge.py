"""One state for each block, by what PBS says and what the workers show."""

from typing import Any

import pytest

from polaris_parsl.configuration.blocks.answers import JobAnswer, QstatAnswer
from polaris_parsl.configuration.blocks.block import BlockState, Cause, JobBlock
from polaris_parsl.configuration.blocks.judge import Judge, Pool

JOB = "7.pbs"


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Case:
    """A judge with one block that PBS has taken."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.judge = Judge(self.clock)
        self.block: JobBlock = self.judge.ask("0")
        self.judge.take(self.block, JOB)

    def says(self, state: str, **facts: object) -> list[str]:
        """What happens when qstat says so."""
        said = JobAnswer(state, **facts)  # type: ignore[arg-type]
        return [change.text for change in self.judge.read_answer(QstatAnswer({JOB: said}))]

    def denies(self) -> list[str]:
        """What happens when PBS does not know the job."""
        return [change.text for change in self.judge.read_answer(QstatAnswer({}, frozenset([JOB])))]

    def workers(self, *hosts: str) -> list[str]:
        """What happens when workers are connected on these nodes, and on no other."""
        pools = {f"pool-{host}": Pool("0", host) for host in hosts}
        return [change.text for change in self.judge.see_workers(pools, ["0"] if hosts else [])]


@pytest.fixture
def case() -> Case:
    return Case()


def test_a_block_goes_from_the_queue_to_its_workers(case: Case) -> None:
    assert case.says("Q") == []
    assert case.says("R", host="n1", runs=1) == ["runs on n1"]
    assert case.workers("n1") == ["has workers on n1"]
    assert case.block.state is BlockState.WORKING
    assert case.says("R", host="n1", runs=1) == []


ENDS: dict[str, tuple[dict[str, Any], Cause]] = {
    "walltime": ({"exit_status": -29}, Cause.WALLTIME),
    "deleted": ({"exit_status": 271}, Cause.DELETED),
    "deleted in the queue": ({}, Cause.DELETED),
    "tried in vain": (
        {"exit_status": -3, "comment": "job held, too many failed attempts to run and terminated"},
        Cause.NEVER_STARTED,
    ),
    "by itself": ({"exit_status": 0}, Cause.DONE),
    "by an error": ({"exit_status": 1}, Cause.FAILED),
}


@pytest.mark.parametrize("how", ENDS)
def test_the_cause_of_an_end_is_named(case: Case, how: str) -> None:
    facts, cause = ENDS[how]
    case.workers("n1")
    (text,) = case.says("F", **facts)
    assert text
    assert case.block.cause is cause
    assert case.says("F", **facts) == []


@pytest.mark.parametrize("status", [0, 1, 3])
def test_a_job_that_ends_before_a_worker_came_has_failed(case: Case, status: int) -> None:
    case.says("R")
    assert case.says("F", exit_status=status) == [
        f"ended with exit code {status} before a worker came"
    ]
    assert case.block.cause is Cause.NO_WORKERS


def test_workers_that_came_and_went_between_two_looks_have_come(case: Case) -> None:
    case.judge.see_workers({}, ["0"])
    case.says("F", exit_status=0)
    assert case.block.cause is Cause.DONE


def test_an_answer_that_says_nothing_changes_nothing(case: Case) -> None:
    case.workers("n1")
    assert case.judge.read_answer(QstatAnswer({}, problem="exit code 0: nothing")) == []
    assert case.judge.read_answer(QstatAnswer({"8.pbs": JobAnswer("F")})) == []
    assert case.says("?") == []
    assert case.says("E", exit_status=271) == []
    assert case.block.state is BlockState.WORKING


def test_a_job_has_vanished_when_pbs_denies_it_twice_and_no_worker_answers(case: Case) -> None:
    case.workers("n1")
    assert case.denies() == case.denies() == case.denies() == []
    case.workers()
    assert case.denies() == ["has vanished: PBS no longer knows its job"]
    assert case.block.cause is Cause.VANISHED


def test_a_job_that_pbs_knows_again_has_not_vanished(case: Case) -> None:
    assert case.denies() == []
    case.says("Q")
    assert case.denies() == []
    assert case.block.is_alive


def test_a_held_job_counts_as_a_block_and_its_comment_is_shown(case: Case) -> None:
    assert case.says("H", comment="Job held by user1") == ["is held by PBS: 'Job held by user1'"]
    assert case.judge.alive() == [case.block]
    assert case.says("H", comment="Job held by user1") == []
    assert case.says("Q") == ["is released"]
    case.says("S")
    assert case.block.state is BlockState.HELD


@pytest.mark.parametrize(
    "way", [["Q"], ["E", "Q"], ["R"]], ids=["in the queue", "ending", "running again"]
)
def test_a_job_that_pbs_runs_again_is_the_same_block_and_its_pools_are_lost(
    case: Case, way: list[str]
) -> None:
    case.workers("n1", "n2")
    case.says("R", runs=1)
    changes = [
        change
        for state in way
        for change in case.judge.read_answer(
            QstatAnswer({JOB: JobAnswer(state, runs=2 if state == "R" else 1)})
        )
    ]
    assert changes[0].lost == ("pool-n1", "pool-n2")
    assert "its tasks run again" in changes[0].text
    assert case.judge.alive() == [case.block]
    case.says("R", runs=2)
    assert case.workers("n3") == ["has workers on n3"]


def test_workers_of_the_next_run_that_come_before_pbs_says_so_are_kept(case: Case) -> None:
    case.workers("n1")
    case.says("R", runs=1)
    case.workers("n1", "n2")
    again, runs = case.judge.read_answer(QstatAnswer({JOB: JobAnswer("R", runs=2)}))
    assert again.lost == ("pool-n1",)
    assert runs.state is BlockState.WORKING
    assert case.workers("n2") == []
    assert case.block.had_workers


def test_a_node_that_is_lost_is_named_and_the_block_goes_on(case: Case) -> None:
    case.workers("n1", "n2", "n3")
    assert case.workers("n1", "n3") == ["has lost n2, and goes on with 2 nodes"]
    (change,) = case.judge.see_workers({"pool-n1": Pool("0", "n1")})
    assert change.is_news
    assert change.text == "has lost n3, and goes on with 1 node"
    assert case.block.state is BlockState.WORKING


def test_workers_that_come_as_others_go_make_no_smaller_block_before_pbs_has_spoken(
    case: Case,
) -> None:
    case.workers("n1", "n2")
    case.says("R", runs=1)
    case.workers("n1", "n2", "n3", "n4")
    (said,) = case.workers("n3", "n4")
    assert said == "has lost n1, n2; workers came on n3, n4 since, and PBS is asked"
    again, _ = case.judge.read_answer(QstatAnswer({JOB: JobAnswer("R", runs=2)}))
    assert again.lost == ()
    assert "was put back into the queue by PBS" in again.text
    assert case.block.state is BlockState.WORKING


def test_a_second_pool_on_a_node_shows_a_run_that_no_answer_of_pbs_has_shown(case: Case) -> None:
    first, second = Pool("0", "n1"), Pool("0", "n1")
    case.judge.see_workers({"first": first, "second": second})
    case.says("R", runs=2)
    (change,) = case.judge.see_workers({"second": second})
    assert change.is_news
    assert change.text.startswith("was put back into the queue by PBS")
    assert change.text.endswith("; its first workers on n1 have ended")


def test_a_block_without_any_node_is_deserted_after_a_while(case: Case) -> None:
    case.workers("n1")
    assert case.workers() == ["has no workers any more; the last were on n1"]
    assert case.judge.deserted() == []
    case.clock.now += 31
    assert case.judge.deserted() == [case.block]


def test_a_block_whose_workers_have_not_come_yet_is_not_deserted(case: Case) -> None:
    case.says("R")
    case.clock.now += 1000
    assert case.judge.deserted() == []
