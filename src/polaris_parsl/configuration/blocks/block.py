"""A block: the state that it is in, and why it ended."""

from dataclasses import dataclass, field
from enum import Enum


class BlockState(Enum):
    """Where a block stands; the value is the word for the log and the record."""

    ASKED = "asked"  # qsub has not taken it yet
    QUEUED = "queued"
    HELD = "held"
    STARTING = "starting"  # its job runs and no worker has come
    WORKING = "working"
    ENDED = "ended"


class Cause(Enum):
    """Why a block ended; the value is the word for the record."""

    GIVEN_BACK = "given back"  # by the strategy or at the end of the run
    WALLTIME = "walltime"
    DELETED = "deleted"  # by somebody else: the user, an operator, a preemption without requeue
    VANISHED = "vanished"  # PBS no longer knows the job
    NO_WORKERS = "no workers"  # the job ended, and no worker had ever come
    NODES_LOST = "nodes lost"  # no node of it answers any more
    DONE = "done"  # its workers ended by themselves, as when they are drained
    FAILED = "failed"  # it ended with an exit code, after its workers had come
    NEVER_STARTED = "never started"  # PBS tried in vain and holds or ended it
    REFUSED = "refused"  # qsub did not take it


# The block is no longer there, and neither its tasks nor its environment are to blame.
LOST_TO_OTHERS = frozenset({Cause.DELETED, Cause.VANISHED, Cause.NODES_LOST})
# Nothing would be better in the next block.
FAILURES = frozenset({Cause.NO_WORKERS, Cause.NEVER_STARTED})


@dataclass
class JobBlock:
    """A block and its job.

    Attributes:
        number: Parsl's number of it.
        name: of its job, unique in this run.
        job: id of its job; None until qsub has said it.
        state: where it stands.
        since: when it came to that state, in seconds of the judge's clock.
        nodes: host of each pool of workers that is connected, by Parsl's id of the pool.
        known: pools that were connected when PBS last spoke of the job.
        had_workers: whether a worker of the present run of the job has ever come.
        began: when PBS was first seen to run the job, None before.
        runs: how often PBS has started the job, as it says.
        reruns: how often it was seen to go back into the queue.
        cause: why it ended, None before.
        words: what PBS says of it.
        host: first node of the job.
        doubts: times in a row that PBS did not know the job.
    """

    number: str
    name: str = ""
    job: str | None = None
    state: BlockState = BlockState.ASKED
    since: float = 0.0
    nodes: dict[str, str] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    had_workers: bool = False
    began: float | None = None
    runs: int = 0
    reruns: int = 0
    cause: Cause | None = None
    words: str = ""
    host: str = ""
    doubts: int = 0

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended, and so counts against max_blocks."""
        return self.state is not BlockState.ENDED

    def __str__(self) -> str:
        """Its name for people."""
        short = f" (job {self.job.partition('.')[0]})" if self.job else ""
        return f"block {self.number}{short}"


@dataclass(frozen=True)
class BlockChange:
    """Something that happened to a block.

    Attributes:
        block: the block, as it is now.
        state: its new state, or the old one where only nodes were lost.
        text: what happened, for people.
        lost: pools of workers that are gone for certain, by Parsl's id.
        is_news: whether the user reads it though the state is the old one.
        is_doubtful: whether only PBS knows what happened.
    """

    block: JobBlock
    state: BlockState
    text: str
    lost: tuple[str, ...] = ()
    is_news: bool = False
    is_doubtful: bool = False
