"""What a run says of itself at its end."""

from collections.abc import Mapping
from typing import Any

from polaris_parsl.configuration.blocks.lines import Lines
from polaris_parsl.text import plural

_SECONDS = 3600
# More runs than these are counted together.
_RUNS = 5


class Report:
    """The end of a run, in a few lines.

    Args:
        lines: for the user.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._node_seconds = 0.0
        self._blocks = 0
        self._first_error: tuple[str, BaseException] | None = None
        self._earlier_results = 0
        self._found: Mapping[str, int] = {}
        self._left: Mapping[str, int] = {}
        self._has_begun = self._has_ended = False

    def begin(self, run_dir: str) -> None:
        """Say where the logs are; once."""
        if not self._has_begun:
            self._has_begun = True
            earlier = self._earlier_results
            what = f"; earlier runs have left {_results(earlier)}" if earlier else ""
            self._lines.say(f"the logs of this run are in {run_dir}{what}")

    def results_were_left(self, count: int) -> None:
        """Earlier runs have left results that this one may find; said at its beginning."""
        self._earlier_results = count

    def results_were_found(self, found: Mapping[str, int], left: Mapping[str, int]) -> None:
        """Results of earlier runs were used; said at the end.

        Args:
            found: results that were taken, by run.
            left: results that were not taken although they are of the same call, by app.
        """
        self._found, self._left = found, left

    def block_ended(self, nodes: int, seconds: float) -> None:
        """Count what a block has used.

        Args:
            nodes: of the block.
            seconds: that it ran.
        """
        self._blocks += seconds > 0
        self._node_seconds += nodes * seconds

    def task_failed(self, number: int, app: str, error: BaseException) -> None:
        """Remember the first error of a task's own."""
        if self._first_error is None:
            self._first_error = f"task {number} ({app})", error

    def say(self, counts: Mapping[str, Any]) -> None:
        """Say once how the run has ended.

        Args:
            counts: of tasks, as the record has them.
        """
        if self._has_ended:
            return
        self._has_ended = True
        states = counts["states"]
        found, lost = counts["from_checkpoints"], counts["unfinished"]
        done = states.get("exec_done", 0) + states.get("memo_done", 0)
        failed = states.get("failed", 0) + states.get("dep_fail", 0)
        parts = [
            f"{done} of {counts['tasks']} tasks done",
            f"{found} of them from checkpoints" if found else "",
            f"{failed} failed" if failed else "",
            f"{lost} not ended" if lost else "",
            self._use(is_computed=done > found),
        ]
        self._lines.say(f"{', '.join(part for part in parts if part)}")
        self._say_results()
        if failed and self._first_error:
            task, error = self._first_error
            notes = "\n".join(getattr(error, "__notes__", []))
            self._lines.say(
                f"first error: {task}: {type(error).__name__}: {error}\n{notes}".strip()
            )
        if lost:
            self._lines.say(
                f"{lost} tasks had not ended when the run did, and their results are lost: wait "
                'for each with .result() before `with parsl.load(...)` ends, or pass exit_mode="wait"'
            )

    def _use(self, *, is_computed: bool) -> str:
        """What was used of the system; "" where that is not known, as inside of a job."""
        if is_computed and not self._blocks:
            return ""
        blocks = f"{self._blocks} {plural(self._blocks, 'block')}"
        return f"{blocks} ran, {self._node_seconds / _SECONDS:.2f} node-hours"

    def _say_results(self) -> None:
        """Say from which runs results were taken, and of which apps they were left."""
        runs = [f"{count} of run {run}" for run, count in self._found.items()]
        if len(runs) > _RUNS:
            runs = [f"{_results(sum(self._found.values()))} of {len(runs)} earlier runs"]
        if runs:
            self._lines.say(f"taken from checkpoints: {', '.join(runs)}")
        apps = [f"{count} of {app}" for app, count in self._left.items()]
        if apps:
            self._lines.say(
                f"results of other code were left and computed again: {', '.join(apps)}"
            )


def _results(count: int) -> str:
    return f"{count} {plural(count, 'result')}"
