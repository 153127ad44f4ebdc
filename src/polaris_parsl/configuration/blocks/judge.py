"""The judge of blocks: a state machine over what PBS says and what the workers show.

It runs nothing and waits for nothing: it is given answers, and says what changed. A block has ended
only when that is certain: PBS said so, or twice did not know the job while none of its workers
answered. An answer that says nothing changes nothing.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from polaris_parsl.configuration.blocks.answers import JobAnswer, QstatAnswer
from polaris_parsl.configuration.blocks.block import BlockChange, BlockState, Cause, JobBlock
from polaris_parsl.text import plural

_RUNNING, _WAITING, _HELD, _ENDED = "RB", "QWT", "HSU", "FCX"
_KILLED_FOR_WALLTIME = -29
_TERMINATED = 256 + 15
_TRIED_IN_VAIN = "too many failed attempts"
_PUT_BACK = "was put back into the queue by PBS (rerun or preempted)"
# PBS must deny a job so many times.
_DENIALS = 2
# Without any worker, a job that PBS still counts as running is given up after so long.
_DESERTED_SECONDS = 30.0


@dataclass(frozen=True)
class Pool:
    """The workers of a node that are connected: Parsl's manager.

    Attributes:
        block: number of their block.
        host: the node.
        is_silent: whether they may be gone: their connection is closed, or a heartbeat is late.
    """

    block: str
    host: str
    is_silent: bool = False


class Judge:
    """The blocks of an executor.

    Args:
        clock: seconds that only go on.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.blocks: dict[str, JobBlock] = {}
        self._clock = clock

    def alive(self) -> list[JobBlock]:
        """The blocks that have not ended."""
        return [block for block in self.blocks.values() if block.is_alive]

    def ask(self, number: str) -> JobBlock:
        """A block that PBS is about to be asked for."""
        block = self.blocks[number] = JobBlock(number, since=self._clock())
        return block

    def take(self, block: JobBlock, job: str) -> BlockChange:
        """PBS has taken it."""
        block.job = job
        return self._move(block, BlockState.QUEUED, "is in the queue")

    def end(self, block: JobBlock, cause: Cause, text: str) -> BlockChange:
        """It has ended for a reason that is not PBS's to tell."""
        block.cause = cause
        lost = tuple(block.nodes)
        block.nodes = {}
        return self._move(block, BlockState.ENDED, text, lost)

    def read_answer(self, answer: QstatAnswer) -> list[BlockChange]:
        """What follows from an answer of qstat."""
        changes: list[BlockChange] = []
        for block in self.alive():
            if block.job in answer.jobs:
                block.doubts = 0
                changes += self._read_job(block, answer.jobs[block.job])
                block.known = frozenset(block.nodes)
            elif block.job in answer.gone:
                changes += self._doubt(block)
        return changes

    def see_workers(
        self, pools: Mapping[str, Pool], ever: Collection[str] = ()
    ) -> list[BlockChange]:
        """What follows from the workers that are connected.

        Args:
            pools: that are connected now, by Parsl's id.
            ever: blocks of which a worker has ever come, also one that has gone since.
        """
        changes: list[BlockChange] = []
        for block in self.alive():
            now = {id_: pool.host for id_, pool in pools.items() if pool.block == block.number}
            gone = {id_: host for id_, host in block.nodes.items() if id_ not in now}
            came = now.keys() - block.nodes.keys()
            block.nodes = now
            block.had_workers |= block.number in ever and not block.reruns
            if came and block.state is not BlockState.WORKING:
                block.had_workers, block.began = True, block.began or self._clock()
                changes.append(
                    self._move(block, BlockState.WORKING, f"has workers on {_list(now)}")
                )
            elif gone:
                changes.append(self._shrink(block, gone))
        return changes

    def deserted(self) -> list[JobBlock]:
        """Blocks that PBS counts as running, and of which no node has answered for long."""
        latest = self._clock() - _DESERTED_SECONDS
        return [
            block
            for block in self.alive()
            if block.state is BlockState.STARTING and block.had_workers and block.since <= latest
        ]

    def _read_job(self, block: JobBlock, said: JobAnswer) -> list[BlockChange]:
        block.words = said.comment or block.words
        block.host = said.host or block.host
        changes = self._again(block, said)
        if said.state in _ENDED:
            changes.append(self._ended(block, said))
        elif said.state in _HELD and block.state is not BlockState.HELD:
            word = "is held" if said.state == "H" else "is suspended"
            changes.append(
                self._move(block, BlockState.HELD, f"{word} by PBS{_quoted(said.comment)}")
            )
        elif said.state in _WAITING and block.state is BlockState.HELD:
            changes.append(self._move(block, BlockState.QUEUED, "is released"))
        elif said.state in _RUNNING and block.state in (BlockState.QUEUED, BlockState.HELD):
            block.began = block.began or self._clock()
            state = BlockState.WORKING if block.nodes else BlockState.STARTING
            changes.append(self._move(block, state, f"runs on {said.host or 'its nodes'}"))
        return changes

    def _again(self, block: JobBlock, said: JobAnswer) -> list[BlockChange]:
        """PBS has put a job that ran back into the queue, or has run it again from there."""
        ran = block.state in (BlockState.STARTING, BlockState.WORKING)
        is_back = ran and said.state in _WAITING and max(said.runs, block.runs) > 0
        is_next_run = block.runs and said.runs > block.runs and said.state in _RUNNING
        block.runs = max(block.runs, said.runs)
        if not (is_back or (is_next_run and ran)):
            return []
        # pools that have come since the last answer may belong to the next run already
        lost = tuple(pool for pool in block.nodes if is_back or pool in block.known)
        block.nodes = {pool: host for pool, host in block.nodes.items() if pool not in lost}
        block.had_workers, block.began = bool(block.nodes), None
        block.reruns += 1
        return [self._move(block, BlockState.QUEUED, f"{_PUT_BACK}; its tasks run again", lost)]

    def _ended(self, block: JobBlock, said: JobAnswer) -> BlockChange:
        block.cause, text = _why(block, said)
        lost, block.nodes = tuple(block.nodes), {}
        return self._move(block, BlockState.ENDED, text, lost)

    def _doubt(self, block: JobBlock) -> list[BlockChange]:
        block.doubts += 1
        if block.doubts < _DENIALS or block.nodes:
            return []
        return [self.end(block, Cause.VANISHED, "has vanished: PBS no longer knows its job")]

    def _shrink(self, block: JobBlock, gone: Mapping[str, str]) -> BlockChange:
        came = {id_: host for id_, host in block.nodes.items() if id_ not in block.known}
        if came and block.known & gone.keys():
            # of a smaller block, or of the next run of its job
            text = f"has lost {_list(gone)}; workers came on {_list(came)} since, and PBS is asked"
            return BlockChange(block, block.state, text, is_news=True, is_doubtful=True)
        if set(gone.values()) <= set(block.nodes.values()):
            # a job starts workers on a node once
            text = f"{_PUT_BACK}; its first workers on {_list(gone)} have ended"
            return BlockChange(block, block.state, text, is_news=True)
        if block.nodes:
            left = len(block.nodes)
            nodes = f"{left} {plural(left, 'node')}"
            text = f"has lost {_list(gone)}, and goes on with {nodes}"
            return BlockChange(block, block.state, text, is_news=True)
        return self._move(
            block, BlockState.STARTING, f"has no workers any more; the last were on {_list(gone)}"
        )

    def _move(
        self, block: JobBlock, state: BlockState, text: str, lost: tuple[str, ...] = ()
    ) -> BlockChange:
        block.state, block.since = state, self._clock()
        return BlockChange(block, state, text, lost)


def _why(block: JobBlock, said: JobAnswer) -> tuple[Cause, str]:
    """Why a job has ended, by what PBS says, and in words."""
    status = said.exit_status
    if status == _KILLED_FOR_WALLTIME:
        return Cause.WALLTIME, "has reached its walltime"
    if is_tried_in_vain(said.comment):
        return Cause.NEVER_STARTED, f"was never started{_quoted(said.comment)}"
    if status == _TERMINATED or status is None:
        return Cause.DELETED, f"was deleted or preempted{_quoted(said.comment)}"
    if not block.had_workers:
        return Cause.NO_WORKERS, f"ended with exit code {status} before a worker came"
    if status == 0:
        return Cause.DONE, "has ended by itself"
    return Cause.FAILED, f"has ended with exit code {status}"


def is_tried_in_vain(comment: str) -> bool:
    """Whether PBS gave a job up after it had failed to start it many times."""
    return _TRIED_IN_VAIN in comment


def _quoted(comment: str) -> str:
    return f": {comment!r}" if comment else ""


def _list(nodes: Mapping[str, str]) -> str:
    hosts: Iterable[str] = sorted(set(nodes.values()))
    return ", ".join(hosts)
