"""The watch over the blocks of an executor, with a PBS and workers that a test makes up."""

from collections.abc import Mapping, Sequence

import pytest

from polaris_parsl.configuration.blocks.answers import JobAnswer, QstatAnswer
from polaris_parsl.configuration.blocks.block import BlockChange, BlockState, Cause, JobBlock
from polaris_parsl.configuration.blocks.judge import Pool
from polaris_parsl.configuration.blocks.lines import Lines
from polaris_parsl.configuration.blocks.requests import RefusalError
from polaris_parsl.configuration.blocks.watch import Terms, Watch
from polaris_parsl.errors import BlockError

AWAY = RefusalError("parsl.0", 162, "Connection refused\nqsub: cannot connect (errno=15010)")
LATE = RefusalError("parsl.0", 124, "qsub did not answer within 120 s")
SILENT = QstatAnswer({}, problem="exit code 255: Connection refused")


class World:
    """PBS, the executor, the user's terminal and the time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.answers: list[str | RefusalError] = []  # of the next qsubs; then ids
        self.jobs: dict[str, JobAnswer] = {}
        self.silence: QstatAnswer | None = None
        self.named: list[list[str] | None] = []  # answers to a search by name
        self.polls = self.submitted = self.waiting = 0
        self.deleted: list[str] = []
        self.pools: dict[str, Pool] = {}
        self.dropped: list[str] = []
        self.changes: list[tuple[str, BlockState]] = []
        self.error: BlockError | None = None
        self.said: list[str] = []
        self.complaint = ""
        self.replaced = 0
        self.stderr = ""

    def outstanding(self) -> int:
        return self.waiting

    def submit_block(self, block: JobBlock) -> str:
        block.name = f"parsl.{block.number}"
        self.submitted += 1
        answer = self.answers.pop(0) if self.answers else f"{self.submitted}.pbs"
        if isinstance(answer, RefusalError):
            raise answer
        self.jobs[answer] = JobAnswer("Q")
        return answer

    def pools_now(self) -> tuple[Mapping[str, Pool], Sequence[str]] | None:
        return self.pools, [pool.block for pool in self.pools.values()]

    def drop_pools(self, pools: Sequence[str]) -> None:
        self.dropped += pools

    def block_changed(self, change: BlockChange) -> None:
        self.changes.append((change.block.number, change.state))

    def end_run(self, error: BlockError) -> None:
        assert self.error is None, "a run ends once"
        self.error = error

    def replace_blocks(self, count: int) -> None:
        self.replaced += count

    def stderr_of(self, _block: JobBlock) -> str:
        return self.stderr

    def ask(self, jobs: Sequence[str]) -> QstatAnswer:
        self.polls += 1
        if self.silence is not None:
            return self.silence
        known = {job: self.jobs[job] for job in jobs if job in self.jobs}
        return QstatAnswer(known, frozenset(jobs) - known.keys())

    def find(self, _name: str) -> list[str] | None:
        return self.named.pop(0) if self.named else []

    def delete(self, jobs: Sequence[str]) -> str:
        self.deleted += jobs
        return self.complaint

    def hurry(self) -> None:
        self.hurried = True


class TestLines(Lines):
    """Lines that a test reads."""

    __test__ = False

    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self._said = said

    def say(self, text: str) -> None:
        self._said.append(text)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def watch(world: World) -> Watch:
    return made(world)


def made(world: World, **terms: object) -> Watch:
    given = {"max_blocks": 2, "patience_seconds": 1800.0, **terms}
    return Watch(
        world,
        world,  # type: ignore[arg-type]
        Terms(**given),  # type: ignore[arg-type]
        TestLines(world.said),
        lambda: world.now,
    )


def pass_time(world: World, watch: Watch, seconds: float) -> None:
    """Let Parsl look every five seconds."""
    for _ in range(int(seconds // 5)):
        world.now += 5
        watch.look()


def test_a_server_that_is_away_is_asked_again_and_no_task_fails(world: World, watch: Watch) -> None:
    world.answers = [AWAY] * 6
    watch.ask_for(["0"])
    pass_time(world, watch, 600)
    assert world.submitted == 7
    assert world.error is None
    first, last, _ = world.said
    assert "PBS has not taken it yet" in first
    assert "0:30:00" in first
    assert "PBS has taken it, after 0:0" in last
    assert world.changes[0] == ("0", BlockState.QUEUED)


def test_patience_has_an_end_with_pbs_own_words(world: World) -> None:
    watch = made(world, patience_seconds=60.0)
    world.answers = [AWAY] * 99
    watch.ask_for(["0"])
    pass_time(world, watch, 300)
    assert world.error is not None
    assert "pbs_patience=0:01:00: Connection refused" in world.error.problem
    assert world.submitted < 10


def test_a_refusal_that_will_not_change_ends_the_run_at_once(world: World, watch: Watch) -> None:
    world.answers = [RefusalError("parsl.0", 170, "qsub: Unknown queue")]
    watch.ask_for(["0"])
    assert world.error is not None
    assert "PBS refuses the job of block 0: qsub: Unknown queue" in world.error.problem
    assert "polaris-parsl queues" in world.error.remedy
    pass_time(world, watch, 60)
    assert world.submitted == 1


def test_a_refusal_while_another_block_runs_is_said_and_the_run_goes_on(
    world: World, watch: Watch
) -> None:
    watch.ask_for(["0"])
    world.answers = [RefusalError("parsl.1", 32, "qsub: no allocation")]
    watch.ask_for(["1"])
    assert world.error is None
    assert "block 1 is refused" in world.said[-1]
    assert watch.room() == 0


def test_a_job_whose_answer_was_lost_is_looked_for_and_adopted(world: World, watch: Watch) -> None:
    world.answers = [LATE]
    world.named = [None, [], ["55.pbs"]]
    watch.ask_for(["0"])
    world.jobs["55.pbs"] = JobAnswer("R", runs=1)
    pass_time(world, watch, 120)
    assert world.submitted == 1
    assert [block.job for block in watch.judge.alive()] == ["55.pbs"]


def test_another_job_is_asked_for_only_when_pbs_has_none_of_that_name(
    world: World, watch: Watch
) -> None:
    world.answers = [LATE]
    world.named = [None, None, None, []]
    watch.ask_for(["0"])
    pass_time(world, watch, 75)
    assert world.submitted == 1
    pass_time(world, watch, 600)
    assert world.submitted == 2


def test_a_job_whose_answer_was_lost_is_deleted_at_the_end(world: World, watch: Watch) -> None:
    world.answers = [LATE]
    watch.ask_for(["0"])
    world.named = [["55.pbs"]]
    assert watch.close() == (["55.pbs"], "")
    assert world.deleted == ["55.pbs"]


def test_a_full_queue_is_waited_for_however_long(world: World) -> None:
    watch = made(world, patience_seconds=60.0)
    full = RefusalError("parsl.0", 38, "qsub: would exceed queue generic's per-user limit")
    world.answers = [full] * 20
    watch.ask_for(["0"])
    pass_time(world, watch, 900)
    assert world.error is None
    assert "waits for its turn" in world.said[0]
    assert world.submitted == 21


def test_qstat_that_says_nothing_ends_no_block_and_is_asked_more_seldom(
    world: World, watch: Watch
) -> None:
    watch.ask_for(["0"])
    world.silence = SILENT
    pass_time(world, watch, 600)
    assert [block.number for block in watch.judge.alive()] == ["0"]
    assert watch.room() == 1
    assert world.polls <= 12
    assert len(world.said) == 2  # the block was asked for, too
    world.silence = None
    pass_time(world, watch, 120)
    assert len(world.said) == 3
    assert world.said[2].startswith("PBS answers again, after 0:")


def test_there_are_never_more_blocks_than_max_blocks_even_if_they_are_held(
    world: World, watch: Watch
) -> None:
    watch.ask_for(["0", "1", "2"])
    assert world.submitted == 2
    world.jobs = {job: JobAnswer("H", comment="Job held by user1") for job in world.jobs}
    pass_time(world, watch, 60)
    watch.ask_for(["3"])
    assert world.submitted == 2
    assert sum("is held by PBS: 'Job held by user1'" in line for line in world.said) == 2


def test_a_block_that_pbs_holds_for_failed_starts_ends_the_run(world: World, watch: Watch) -> None:
    watch.ask_for(["0"])
    world.jobs["1.pbs"] = JobAnswer("H", comment="job held, too many failed attempts to run")
    pass_time(world, watch, 60)
    assert world.error is not None
    assert "too many failed attempts" in world.error.problem
    assert "run_dir" in world.error.remedy
    assert world.deleted == ["1.pbs"]


@pytest.mark.parametrize("before", ["workers", "no workers"])
def test_a_deleted_block_makes_room_for_another_and_is_no_failure(
    world: World, watch: Watch, before: str
) -> None:
    watch.ask_for(["0", "1"])
    if before == "workers":
        world.pools = {"pool": Pool("0", "n1")}
        world.jobs["1.pbs"] = JobAnswer("R", runs=1)
    pass_time(world, watch, 60)
    world.jobs["1.pbs"] = JobAnswer("F", exit_status=271, comment="terminated by user1@login")
    pass_time(world, watch, 60)
    assert world.error is None
    assert watch.room() == 1
    assert "terminated by user1@login" in world.said[-1]
    assert world.dropped == (["pool"] if before == "workers" else [])


def test_a_lost_block_is_replaced_where_parsls_strategy_does_not(world: World) -> None:
    watch = made(world, keeps_number=True)
    world.waiting = 4
    watch.ask_for(["0"])
    world.jobs["1.pbs"] = JobAnswer("F", exit_status=271)
    pass_time(world, watch, 60)
    assert world.replaced == 1


def test_a_first_block_whose_workers_never_come_ends_the_run_with_their_words(
    world: World, watch: Watch
) -> None:
    world.stderr = "ModuleNotFoundError: No module named 'torch'"
    watch.ask_for(["0"])
    world.jobs["1.pbs"] = JobAnswer("F", exit_status=1, host="n7")
    pass_time(world, watch, 60)
    assert world.error is not None
    assert "block 0 (job 1) ended with exit code 1 before a worker came on n7" in str(world.error)
    assert "No module named 'torch'" in str(world.error)


def test_after_blocks_that_worked_it_takes_three_bad_ones_in_a_row(world: World) -> None:
    watch = made(world, max_blocks=9)
    watch.ask_for(["0"])
    world.pools = {"pool": Pool("0", "n1")}
    pass_time(world, watch, 30)
    for number in ("1", "2", "3"):
        assert world.error is None
        watch.ask_for([number])
        world.jobs[f"{world.submitted}.pbs"] = JobAnswer("F", exit_status=1)
        pass_time(world, watch, 60)
    assert world.error is not None


def test_blocks_whose_workers_end_soon_are_replaced_but_not_for_ever(world: World) -> None:
    watch = made(world, max_blocks=9)
    world.stderr = "worker 1 has ended 5 times without a task"
    for number in ("0", "1", "2"):
        assert world.error is None
        watch.ask_for([number])
        world.pools = {f"pool {number}": Pool(number, "n1")}
        pass_time(world, watch, 90)
        world.pools = {}
        world.jobs[f"{world.submitted}.pbs"] = JobAnswer("F", exit_status=69)
        pass_time(world, watch, 60)
    assert "has ended with exit code 69" in str(world.error)
    assert "worker 1 has ended 5 times" in str(world.error)


def test_a_block_that_ends_badly_after_long_work_is_only_replaced(world: World) -> None:
    watch = made(world, max_blocks=9)
    for number in ("0", "1", "2", "3"):
        watch.ask_for([number])
        world.pools = {f"pool {number}": Pool(number, "n1")}
        pass_time(world, watch, 3600)
        world.jobs[f"{world.submitted}.pbs"] = JobAnswer("F", exit_status=1)
        pass_time(world, watch, 60)
    assert world.error is None


def test_pbs_is_asked_soon_of_a_silent_node_at_once_of_a_new(world: World, watch: Watch) -> None:
    watch.ask_for(["0"])
    world.jobs["1.pbs"] = JobAnswer("R")
    world.pools = {"pool": Pool("0", "n1")}
    pass_time(world, watch, 3600)
    asked = world.polls
    while world.polls == asked:
        pass_time(world, watch, 5)
    pass_time(world, watch, 5)  # the next time would come in 25 s
    world.pools = {"pool": Pool("0", "n1", is_silent=True)}
    asked = world.polls
    pass_time(world, watch, 5)
    assert world.polls == asked + 1
    pass_time(world, watch, 20)
    assert world.polls == asked + 1, "not again for the same silence"
    world.pools = {"other": Pool("0", "n2")}
    watch.look()
    assert world.polls == asked + 2, "at once"
    text = "has lost n1; workers came on n2 since, and PBS is asked"
    assert world.said[-1] == f"block 0 (job 1) {text}"


def test_who_wants_no_end_of_the_run_gets_none(world: World) -> None:
    watch = made(world, ends_run=False)
    watch.ask_for(["0"])
    world.jobs["1.pbs"] = JobAnswer("F", exit_status=1)
    pass_time(world, watch, 60)
    assert world.error is None
    assert watch.room() == 2


def test_a_block_that_no_node_of_answers_is_deleted_and_counts_no_more(
    world: World, watch: Watch
) -> None:
    watch.ask_for(["0"])
    world.jobs["1.pbs"] = JobAnswer("R")
    world.pools = {"pool": Pool("0", "n1")}
    pass_time(world, watch, 60)
    world.pools = {}
    pass_time(world, watch, 60)
    assert world.deleted == ["1.pbs"]
    assert watch.judge.blocks["0"].cause is Cause.NODES_LOST


@pytest.mark.parametrize("ends", [True, False], ids=["at the end", "later"])
def test_a_job_that_pbs_cannot_delete_is_deleted(world: World, watch: Watch, ends: bool) -> None:
    watch.ask_for(["0"])
    world.jobs["1.pbs"] = JobAnswer("R")
    world.pools = {"pool": Pool("0", "n1")}
    pass_time(world, watch, 60)
    world.pools, world.complaint = {}, "qdel: Server could not connect to MOM 1.pbs"
    pass_time(world, watch, 120)
    assert world.deleted[:2] == ["1.pbs", "1.pbs"]
    if ends:
        assert watch.close()[0] == ["1.pbs"]
        return
    world.complaint = ""
    pass_time(world, watch, 60)
    before = len(world.deleted)
    pass_time(world, watch, 300)
    assert len(world.deleted) == before


def test_at_the_end_all_jobs_are_deleted_and_complaints_shown(world: World, watch: Watch) -> None:
    watch.ask_for(["0", "1"])
    world.complaint = "Connection refused"
    world.pools = {"pool": Pool("0", "n1")}
    assert watch.close() == (["1.pbs", "2.pbs"], "Connection refused")
    assert [watch.judge.blocks[each].began is not None for each in "01"] == [True, False]
    assert [line for line in world.said if "is in the queue" not in line] == []
    assert watch.room() == 0
