"""What a run says of itself at its end."""

from collections.abc import Mapping
from typing import Any

from polaris_parsl.configuration.blocks.lines import Lines

_SECONDS = 3600


class Report:
    """The end of a run, in a few lines.

    Args:
        lines: for the user.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._node_seconds = 0.0
        self._blocks = 0
        self._first_error = ""
        self._has_begun = self._has_ended = False

    def begin(self, run_dir: str) -> None:
        """Say where the logs are; once."""
        if not self._has_begun:
            self._has_begun = True
            self._lines.say(f"the logs of this run are in {run_dir}")

    def block_ended(self, nodes: int, seconds: float) -> None:
        """Count what a block has used.

        Args:
            nodes: of the block.
            seconds: that it ran.
        """
        self._blocks += seconds > 0
        self._node_seconds += nodes * seconds

    def task_failed(self, number: int, app: str, error: Exception) -> None:
        """Remember the first error of a task's own."""
        self._first_error = (
            self._first_error or f"task {number} ({app}): {type(error).__name__}: {error}"
        )

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
            f"{self._blocks} blocks ran, {self._node_seconds / _SECONDS:.2f} node-hours",
        ]
        self._lines.say(f"{', '.join(part for part in parts if part)}")
        if failed and self._first_error:
            self._lines.say(f"first error: {self._first_error}")
        if lost:
            self._lines.say(
                f"{lost} tasks had not ended when the run did, and their results are lost: wait "
                'for each with .result() before `with parsl.load(...)` ends, or pass exit_mode="wait"'
            )
