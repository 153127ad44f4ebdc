"""The watch over the blocks of an executor: asks PBS for them, looks at them, and acts on what it sees.

It knows nothing of Parsl: an `Executor` gives it what it needs, and tests give it an imitation.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from polaris_parsl.configuration.blocks.block import (
    FAILURES,
    LOST_TO_OTHERS,
    BlockChange,
    BlockState,
    Cause,
    JobBlock,
)
from polaris_parsl.configuration.blocks.judge import Judge, Pool, is_tried_in_vain
from polaris_parsl.configuration.blocks.lines import Lines
from polaris_parsl.configuration.blocks.pbs import Pbs
from polaris_parsl.configuration.blocks.requests import Asking, Requests
from polaris_parsl.errors import BlockError
from polaris_parsl.pbs.walltime import write_seconds

# qstat is asked so often while a block starts, and while all is as it was; after an answer that
# says nothing, more seldom.
_SOON_SECONDS, _USUAL_SECONDS, _LATE_SECONDS = 10.0, 30.0, 60.0
_LEAST_SECONDS = 5.0
# Workers that live so long speak for the blocks that come after.
_SHORT_SECONDS = 600.0
# Blocks in a row that may fail where others have worked before: a bad node is none of the user's.
_FAILURES = 3


class Executor(Protocol):
    """What a watch needs of the executor."""

    def outstanding(self) -> int:
        """Tasks that have not ended."""

    def submit_block(self, block: JobBlock) -> str:
        """Submit the job of a block and name it; its id. Raises RefusalError."""

    def pools_now(self) -> tuple[Mapping[str, Pool], Sequence[str]] | None:
        """Connected pools, and blocks that ever had one; None if that is not known."""

    def drop_pools(self, pools: Sequence[str]) -> None:
        """Give up the tasks of pools that are gone for certain."""

    def block_changed(self, change: BlockChange) -> None:
        """Record a change."""

    def end_run(self, error: BlockError) -> None:
        """Fail all tasks."""

    def replace_blocks(self, count: int) -> None:
        """Ask for more blocks in the place of lost ones."""

    def stderr_of(self, block: JobBlock) -> str:
        """The end of the errors of a block's job."""


@dataclass(frozen=True)
class Terms:
    """What the user asks for.

    Attributes:
        max_blocks: at most so many blocks at a time.
        patience_seconds: to wait for a server that does not answer qsub.
        ends_run: whether the run ends when blocks fail.
        keeps_number: whether a lost block is replaced here, and not by Parsl's strategy.
    """

    max_blocks: int
    patience_seconds: float
    ends_run: bool = True
    keeps_number: bool = False


class Watch:
    """Watches the blocks of an executor.

    Args:
        executor: whose blocks they are.
        pbs: to ask.
        terms: what the user asks for.
        lines: to say what happens.
        clock: seconds that only go on.
    """

    def __init__(
        self,
        executor: Executor,
        pbs: Pbs,
        terms: Terms,
        lines: Lines,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.judge = Judge(clock)
        self._executor, self._pbs, self._terms, self._lines = executor, pbs, terms, lines
        self._clock = clock
        self._lock = threading.RLock()
        self._requests = Requests(pbs, executor.submit_block, terms.patience_seconds, clock)
        self._next_poll = 0.0
        self._last_poll = -_USUAL_SECONDS
        self._silent_since: float | None = None
        self._silent_pools: set[str] = set()
        self._undeleted: list[str] = []  # jobs that PBS could not delete
        self._failures_in_a_row = 0
        self._has_worked = False
        self._is_over = False

    @property
    def pbs(self) -> Pbs:
        """PBS, with the time limit of the executor."""
        return self._pbs

    def ask_for(self, numbers: Sequence[str]) -> None:
        """Ask PBS for blocks, as many as max_blocks still allows."""
        with self._lock:
            for number in numbers[: self.room()]:
                self._requests.add(self.judge.ask(number))
            self._act(self._ask_pbs())

    def room(self) -> int:
        """How many blocks may be asked for now."""
        if self._is_over or self._requests.is_refused(self.judge.alive()):
            return 0
        return max(0, self._terms.max_blocks - len(self.judge.alive()))

    def look(self) -> None:
        """Look at workers and PBS, and act on what has changed; called every few seconds."""
        with self._lock:
            changes = self._see_workers()
            changes += self._ask_pbs()
            changes += self._poll()
            changes += self._give_up_deserted()
            self._act(changes)

    def _see_workers(self) -> list[BlockChange]:
        """What follows from the workers; PBS is asked soon where something is wrong with them."""
        seen = self._executor.pools_now()
        if seen is None:
            return []
        pools, ever = seen
        changes = self.judge.see_workers(pools, ever)
        silent = {name for name, pool in pools.items() if pool.is_silent}
        is_news = any(each.state is BlockState.STARTING or each.block.nodes for each in changes)
        if is_news or silent - self._silent_pools:
            self._next_poll = min(self._next_poll, self._last_poll + _LEAST_SECONDS)
        if any(each.is_doubtful for each in changes):
            self._next_poll = 0.0
        self._silent_pools = silent
        return changes

    def give_back(self, numbers: Sequence[str]) -> None:
        """Blocks were deleted because nobody needs them."""
        with self._lock:
            # of a short run, workers may have come since the last look
            self._act(self._see_workers())
            blocks = [self.judge.blocks[each] for each in numbers if each in self.judge.blocks]
            self._act(
                [
                    self.judge.end(block, Cause.GIVEN_BACK, "is given back")
                    for block in blocks
                    if block.is_alive
                ]
            )

    def hurry(self) -> None:
        """The run ends: wait for PBS no longer than a moment."""
        self._pbs.hurry()

    def close(self) -> tuple[list[str], str]:
        """Delete all jobs; those that were left, and PBS's complaint where it may have kept some."""
        self._pbs.hurry()
        with self._lock:
            self._act(self._see_workers())
            self._is_over = True
            jobs = [block.job for block in self.judge.alive() if block.job]
            jobs += [*self._undeleted, *self._requests.unknown_jobs()]
            complaint = self._pbs.delete(jobs)
            self.give_back([block.number for block in self.judge.alive()])
            return jobs, complaint

    def _ask_pbs(self) -> list[BlockChange]:
        changes: list[BlockChange] = []
        for asking in self._requests.due():
            try:
                text = self._requests.ask(asking)
            except BlockError as error:
                changes.append(self._refused(asking, error))
                continue
            if asking.job:
                changes.append(self.judge.take(asking.block, asking.job))
                self._next_poll = min(self._next_poll, self._clock() + _LEAST_SECONDS)
            if text:
                self._lines.say(text)
        return changes

    def _refused(self, asking: Asking, error: BlockError) -> BlockChange:
        change = self.judge.end(asking.block, Cause.REFUSED, f"is refused: {error.problem}")
        if not any(block.job for block in self.judge.alive()):
            self._end_run(error)
        return change

    def _poll(self) -> list[BlockChange]:
        jobs = [block.job for block in self.judge.alive() if block.job]
        now = self._clock()
        if now < self._next_poll:
            return []
        if self._undeleted:
            self._delete(self._undeleted)
            self._next_poll = now + _USUAL_SECONDS
        if not jobs:
            return []
        answer = self._pbs.ask(jobs)
        self._last_poll = now = self._clock()
        if answer.problem:
            is_first = self._silent_since is None
            self._next_poll = now + (_USUAL_SECONDS if is_first else _LATE_SECONDS)
            if self._silent_since is None:
                self._silent_since = now
                self._lines.say(
                    f"PBS does not say how the jobs are ({answer.problem}); the run goes on, and "
                    "asks again"
                )
            return []
        if self._silent_since is not None:
            silence = write_seconds(now - self._silent_since)
            self._lines.say(f"PBS answers again, after {silence}")
            self._silent_since = None
        changes = self.judge.read_answer(answer)
        self._next_poll = now + self._pause()
        return changes

    def _pause(self) -> float:
        unsure = {BlockState.QUEUED, BlockState.STARTING}
        young = self._clock() - _LATE_SECONDS
        alive = self.judge.alive()
        is_starting = any(
            block.doubts or (block.state in unsure and block.since > young) for block in alive
        )
        return _SOON_SECONDS if is_starting else _USUAL_SECONDS

    def _give_up_deserted(self) -> list[BlockChange]:
        changes = []
        for block in self.judge.deserted():
            self._delete([*self._undeleted, block.job or ""])
            text = "is given up: none of its nodes answers any more"
            changes.append(self.judge.end(block, Cause.NODES_LOST, text))
        return changes

    def _delete(self, jobs: list[str]) -> None:
        """Delete jobs; again later where PBS cannot, as it runs one again whose first node has died."""
        complaint = self._pbs.delete(jobs)
        self._undeleted = jobs if complaint else []
        if complaint:
            self._lines.log(f"jobs {', '.join(jobs)} could not be deleted: {complaint}")

    def _act(self, changes: Sequence[BlockChange]) -> None:
        for change in changes:
            self._report(change)
            self._executor.block_changed(change)
            if change.lost:
                self._executor.drop_pools(change.lost)
            self._judge_run(change)
        lost = [each for each in changes if each.block.cause in LOST_TO_OTHERS | {Cause.WALLTIME}]
        if self._terms.keeps_number and lost and self._executor.outstanding():
            self._executor.replace_blocks(len(lost))

    def _report(self, change: BlockChange) -> None:
        block, state = change.block, change.state
        is_news = (
            bool(change.lost) or change.is_news or state in {BlockState.ENDED, BlockState.HELD}
        )
        is_news |= state is BlockState.STARTING and block.had_workers
        is_news |= state is BlockState.QUEUED and not block.reruns
        is_wanted = block.cause is Cause.GIVEN_BACK
        say = self._lines.say if is_news and not is_wanted else self._lines.log
        say(f"{block} {change.text}")

    def _judge_run(self, change: BlockChange) -> None:
        block = change.block
        self._has_worked |= block.had_workers
        is_soon = block.cause is Cause.FAILED and not self._has_proved(block)
        is_failure = block.cause in FAILURES or is_soon
        ended_well = block.cause is not None and block.had_workers and not is_failure
        if ended_well or any(self._has_proved(each) for each in self.judge.alive()):
            self._failures_in_a_row = 0
        if change.state is BlockState.HELD and is_tried_in_vain(block.words):
            self._pbs.delete([block.job or ""])
            self._end_run(_never_started(block))
        if not is_failure or change.state is not BlockState.ENDED or self._is_over:
            return
        self._failures_in_a_row += 1
        if self._has_worked and self._failures_in_a_row < _FAILURES:
            return
        if block.cause is Cause.NEVER_STARTED:
            self._end_run(_never_started(block))
        else:
            self._end_run(_no_workers(block, change.text, self._executor.stderr_of(block)))

    def _has_proved(self, block: JobBlock) -> bool:
        """Whether its workers came and did not end soon."""
        return (
            block.had_workers
            and block.began is not None
            and self._clock() - block.began >= _SHORT_SECONDS
        )

    def _end_run(self, error: BlockError) -> None:
        if self._terms.ends_run and not self._is_over:
            self._is_over = True
            self._executor.end_run(error)


def _never_started(block: JobBlock) -> BlockError:
    return BlockError(
        f"PBS cannot start the job of {block}: {block.words}",
        remedy="choose a run_dir on a filesystem that the nodes mount and scheduler_options names; "
        f"`tracejob {block.job}` or the site's staff know more",
    )


def _no_workers(block: JobBlock, text: str, stderr: str) -> BlockError:
    host = f" on {block.host}" if block.host else ""
    said = f"; its standard error ends with:\n{stderr}" if stderr else "; it printed no error"
    return BlockError(
        f"{block} {text}{host}{said}",
        remedy="mend what that names; `polaris-parsl doctor --on-node` looks for the usual causes",
    )
