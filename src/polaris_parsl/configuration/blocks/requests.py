"""Blocks that PBS has not yet taken: asked for again while the server does not answer, and looked for.

Where qsub is late, does not reach the server, or its answer is lost, PBS may have the job all the same.
It is looked for by its name, which no other job has, before another is asked for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from polaris_parsl.configuration.blocks.answers import is_for_now, is_full, remedy_for
from polaris_parsl.configuration.blocks.block import JobBlock
from polaris_parsl.configuration.blocks.pbs import Pbs
from polaris_parsl.errors import BlockError
from polaris_parsl.pbs.walltime import write_seconds

# Pauses before qsub is asked again grow from the first to the last.
_FIRST_PAUSE, _LAST_PAUSE, _FULL_PAUSE = 5.0, 120.0, 30.0
# PBS must say so often that there is no job of a name before another is asked for: a server that is
# only slow may take it later than qsub has waited.
_SEARCHES, _SEARCHES_IF_LATE = 1, 2
_LATE, _NO_PROGRAM = 124, 127


class RefusalError(Exception):
    """qsub did not take a job, or did not say whether it did.

    Args:
        name: of the job; "" where no script could be written.
        exit_code: of qsub; 0 where it printed no job id.
        words: what it said.
    """

    def __init__(self, name: str, exit_code: int, words: str) -> None:
        super().__init__(words)
        self.name, self.exit_code, self.words = name, exit_code, words


@dataclass
class Asking:
    """A block that is asked for.

    Attributes:
        block: the block.
        since: when it was first asked for.
        next: when it is asked for again.
        tries: that were refused for now.
        lost_name: name of a job that PBS may have; "" where it has none.
        searches: times that PBS must still say that it has no job of that name.
        job: id of its job, once PBS has taken it.
        was_said: whether the user knows that it takes long.
    """

    block: JobBlock
    since: float
    next: float
    tries: int = 0
    lost_name: str = ""
    searches: int = 0
    job: str = ""
    was_said: bool = False


class Requests:
    """The blocks of an executor that PBS has not taken yet.

    Args:
        pbs: to look for jobs.
        submit: submits the job of a block, and gives the block its name; raises RefusalError.
        patience_seconds: to go on while the server does not answer.
        clock: seconds that only go on.
    """

    def __init__(
        self,
        pbs: Pbs,
        submit: Callable[[JobBlock], str],
        patience_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._pbs, self._submit, self._clock = pbs, submit, clock
        self._patience_seconds = patience_seconds
        self._asked: list[Asking] = []
        self._was_refused = False

    def add(self, block: JobBlock) -> None:
        """Ask for a block from now on."""
        now = self._clock()
        self._asked.append(Asking(block, since=now, next=now))

    def due(self) -> list[Asking]:
        """The blocks to ask for now."""
        now = self._clock()
        self._asked = [each for each in self._asked if each.block.is_alive and not each.job]
        return [each for each in self._asked if each.next <= now]

    def is_refused(self, alive: Sequence[JobBlock]) -> bool:
        """Whether PBS has refused a block for good while others run, so that no more are asked for."""
        return self._was_refused and any(block.job for block in alive)

    def ask(self, asking: Asking) -> str:
        """Ask for a block once, or look for the job that PBS may have; what to say to the user.

        Raises:
            BlockError: PBS refuses it for good, or has not answered for longer than the user waits.
        """
        if asking.lost_name:
            found = self._pbs.find(asking.lost_name)
            if found:
                asking.job = found[0]
                return f"{asking.block}: PBS has taken it after all, as {found[0]}"
            asking.searches -= found is not None
            if asking.searches > 0:
                return self._later(asking, "the answer of qsub was lost")
            asking.lost_name = ""
        try:
            asking.job = self._submit(asking.block)
        except RefusalError as refusal:
            return self._refused(asking, refusal)
        if asking.was_said:
            waited = write_seconds(self._clock() - asking.since)
            return f"{asking.block}: PBS has taken it, after {waited}"
        return ""

    def unknown_jobs(self) -> list[str]:
        """Jobs that PBS has taken although qsub did not say so."""
        names = [each.lost_name for each in self._asked if each.lost_name and not each.job]
        return [job for name in names for job in self._pbs.find(name) or []]

    def _refused(self, asking: Asking, refusal: RefusalError) -> str:
        words = " ".join(refusal.words.split()) or f"exit code {refusal.exit_code}"
        if refusal.exit_code in (0, _LATE):
            asking.lost_name, asking.searches = refusal.name, _SEARCHES_IF_LATE
            return self._later(asking, words)
        if is_full(words):
            asking.next = self._clock() + _FULL_PAUSE
            return self._once(asking, f"waits for its turn, the queue takes no more jobs: {words}")
        if refusal.name and not is_for_now(words):
            self._was_refused = True
            raise BlockError(
                f"PBS refuses the job of {asking.block}: {words}", remedy=_remedy(refusal)
            )
        asking.lost_name, asking.searches = refusal.name, _SEARCHES
        return self._later(asking, words)

    def _later(self, asking: Asking, words: str) -> str:
        now = self._clock()
        if now - asking.since > self._patience_seconds:
            raise BlockError(
                f"PBS has not taken the job of {asking.block} within pbs_patience="
                f"{write_seconds(self._patience_seconds)}: {words}",
                remedy="try again when `qstat -B` answers, or let pbs_patience be longer",
            )
        pause = min(_FIRST_PAUSE * 2**asking.tries, _LAST_PAUSE)
        asking.tries += 1
        asking.next = now + pause
        return self._once(
            asking,
            f"PBS has not taken it yet ({words}); it is asked again for up to "
            f"{write_seconds(self._patience_seconds)}",
        )

    def _once(self, asking: Asking, text: str) -> str:
        if asking.was_said:
            return ""
        asking.was_said = True
        return f"{asking.block}: {text}"


def _remedy(refusal: RefusalError) -> str:
    if refusal.exit_code == _NO_PROGRAM:
        return "run on a login node, or rehearse with `polaris-parsl sandbox -- COMMAND`"
    return remedy_for(refusal.words)
