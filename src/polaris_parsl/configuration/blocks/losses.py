"""Tasks that were lost through no fault of theirs: they run again, and use up none of `retries`.

A task that the walltime cuts off again and again is too long for its blocks, and one that is lost
again and again may be what kills its nodes; so each has a limit of its own.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from polaris_parsl.configuration.blocks.block import Cause
from polaris_parsl.configuration.blocks.lines import Lines
from polaris_parsl.configuration.blocks.report import Report
from polaris_parsl.errors import TaskError
from polaris_parsl.pbs.walltime import write_seconds

# A task that was cut off so often by the walltime, or lost so often otherwise, fails.
CUTS, LOSSES = 3, 10


@dataclass(frozen=True)
class Loss:
    """A task that was lost.

    Attributes:
        task: Parsl's number of it.
        app: name of its function.
        executor: label.
        block: number of its block.
        host: its node.
        seconds: that it had run.
    """

    task: int
    app: str
    executor: str
    block: str
    host: str
    seconds: float


class Losses:
    """The lost tasks of a run; Parsl's threads call it.

    Args:
        lines: for the user.
        record: called with each loss and its cause in words.
    """

    def __init__(self, lines: Lines, record: Callable[[Loss, str], None]) -> None:
        self.lines, self._record = lines, record
        self.report = Report(lines)
        self._lock = threading.Lock()
        self._cuts: dict[int, list[float]] = defaultdict(list)
        self._lost: Counter[int] = Counter()
        self._unsaid: Counter[str] = Counter()

    def lose(self, loss: Loss, cause: Cause | None, walltime: str, reason: str = "") -> None:
        """Let a task run again.

        Args:
            loss: the task.
            cause: why its block ended; None if only its node was lost.
            walltime: of the block.
            reason: how it is known that its node was lost.

        Raises:
            TaskError: it was lost too often.
        """
        with self._lock:
            if cause is Cause.WALLTIME:
                self._cut(loss, walltime)
                why = f"cut off by the walltime of {walltime}"
            else:
                self._lost[loss.task] += 1
                why = f"lost with {loss.host} of block {loss.block}"
                why += f" ({cause.value if cause else reason})" if cause or reason else ""
                if self._lost[loss.task] >= LOSSES:
                    raise TaskError(
                        f"task {loss.task} ({loss.app}) was lost with its node {LOSSES} times, at "
                        f"last on {loss.host}",
                        remedy="see whether it ends its own node, as by all of the memory; the "
                        "run's record lists each loss",
                    )
            self._unsaid[why] += 1
        self._record(loss, why)

    def say(self) -> None:
        """Say what has been lost since the last time: a line for each reason."""
        with self._lock:
            unsaid, self._unsaid = self._unsaid, Counter()
        for why, count in unsaid.items():
            what = "1 task runs" if count == 1 else f"{count} tasks run"
            self.lines.say(f"{what} again: {why}")

    def _cut(self, loss: Loss, walltime: str) -> None:
        attempts = self._cuts[loss.task]
        attempts.append(loss.seconds)
        if len(attempts) >= CUTS:
            raise TaskError(
                f"task {loss.task} ({loss.app}) was cut off by the walltime of {walltime} {CUTS} "
                f"times; its longest attempt was {write_seconds(max(attempts))}",
                remedy="give a longer walltime, let the task do less, or pass task_walltime= so "
                "that no node takes a task that cannot end in time",
            )
