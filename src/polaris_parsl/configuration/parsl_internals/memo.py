"""Parsl's memoizer: the tasks that pass through it, described independently of the Parsl release."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parsl.dataflow.errors import BadCheckpoint, DependencyError
from parsl.dataflow.memoization import BasicMemoizer
from parsl.dataflow.taskrecord import TaskRecord
from parsl.utils import get_all_checkpoints

from polaris_parsl.configuration.parsl_internals.internal import Internal

# Parsl runs the bodies of join apps and file staging in this executor; they hold no results.
_INTERNAL_EXECUTOR = "_parsl_internal"
_FILE = "tasks.pkl"

_KERNEL = "parsl.dataflow.dflow.DataFlowKernel"
_BASIC = "parsl.dataflow.memoization.BasicMemoizer"
INTERNALS = (
    Internal(
        _BASIC,
        "start",
        "finds the checkpoints of all earlier runs, and mends one that a kill has damaged",
        "2025.12.8",
        (f"{_KERNEL}.__init__",),
    ),
    Internal(
        _BASIC,
        "check_memo",
        "tells of each task that starts, and whether its result is kept",
        "2025.12.8",
        (f"{_KERNEL}.launch_task",),
    ),
    Internal(
        _BASIC,
        "update_memo_result",
        "tells of each task that has ended well",
        "2025.12.8",
        (f"{_KERNEL}._complete_task_result",),
    ),
    Internal(
        _BASIC,
        "update_memo_exception",
        "tells of each task that has failed",
        "2025.12.8",
        (f"{_KERNEL}._complete_task_exception",),
    ),
    Internal(
        _BASIC, "close", "tells that the run ends its work", "2025.12.8", (f"{_KERNEL}.cleanup",)
    ),
    Internal(
        _BASIC,
        "checkpoint_files",
        "names the checkpoints to load",
        "2025.12.8",
        (f"{_BASIC}.start",),
        set_in=f"{_BASIC}.__init__",
    ),
    Internal(
        _BASIC,
        "memo_lookup_table",
        "tells results of earlier runs from those of this one",
        "2025.12.8",
        (f"{_BASIC}.check_memo",),
        set_in=f"{_BASIC}.start",
    ),
    Internal(
        _KERNEL,
        _INTERNAL_EXECUTOR,
        "tells tasks of Parsl's own from those of the user",
        "2023.2.27",
        set_in=f"{_KERNEL}.__init__",
    ),
)


@dataclass(frozen=True)
class Task:
    """A task of Parsl's.

    Attributes:
        number: Parsl's number of it.
        app: name of the function.
        is_kept: whether its result is remembered and checkpointed: @python_app(cache=True).
        is_internal: whether Parsl runs it in the driver: the body of a join app, or file staging.
    """

    number: int
    app: str
    is_kept: bool
    is_internal: bool


class WatchedMemoizer(BasicMemoizer):
    """Parsl's memoizer, which tells of the run and of each task by calling methods of ours.

    They are called by several threads of Parsl's.
    """

    def __init__(self) -> None:
        super().__init__(checkpoint_mode="task_exit", memoize=True)
        self._of_earlier_runs: frozenset[str] = frozenset()

    def mend(self, files: Sequence[Path]) -> bool:  # noqa: ARG002 - for those that do it
        """Called where a checkpoint cannot be read; whether it is worth to try again."""
        return False

    def run_begins(self, run_dir: Path) -> None:
        """Called before the executors of a run start."""

    def task_begins(self, task: Task) -> None:
        """Called when all that a task waits for is there; again for each time that it is retried."""

    def task_ends(self, task: Task, state: str, *, is_of_earlier_run: bool) -> None:
        """Called once for each task that ends, also for one that never began.

        Args:
            task: the task.
            state: Parsl's word: exec_done, memo_done, failed or dep_fail.
            is_of_earlier_run: whether the result comes from the checkpoint of an earlier run.
        """

    def run_ends(self) -> None:
        """Called when Parsl begins to clean up."""

    def start(self, *, run_dir: str, config_run_dir: str | None = None) -> None:
        """Load the checkpoints of all earlier runs in config_run_dir."""
        # Parsl 2025.12.8 names only the directory of this run.
        known = {} if config_run_dir is None else {"config_run_dir": config_run_dir}
        config_run_dir = config_run_dir or str(Path(run_dir).parent)
        files = [Path(folder) / _FILE for folder in get_all_checkpoints(config_run_dir)]
        # A driver that was killed early leaves the folder without the file.
        files = [file for file in files if file.is_file()]
        self.checkpoint_files = [str(file.parent) for file in files]
        try:
            super().start(run_dir=run_dir, **known)
        except BadCheckpoint:
            if not self.mend(files):
                raise
            super().start(run_dir=run_dir, **known)
        self._of_earlier_runs = frozenset(self.memo_lookup_table)
        self.run_begins(Path(run_dir))

    def check_memo(self, task: TaskRecord) -> Future[Any] | None:
        """Look a task up in the checkpoints."""
        self.task_begins(_task(task))
        return super().check_memo(task)

    def update_memo_result(self, task: TaskRecord, r: Any) -> None:
        """Keep the result of a task."""
        super().update_memo_result(task, r)
        state = "memo_done" if task["from_memo"] else "exec_done"
        known = bool(task["from_memo"]) and task["hashsum"] in self._of_earlier_runs
        self.task_ends(_task(task), state, is_of_earlier_run=known)

    def update_memo_exception(self, task: TaskRecord, e: BaseException) -> None:
        """Remember that a task has failed."""
        super().update_memo_exception(task, e)
        state = "dep_fail" if isinstance(e, DependencyError) else "failed"
        self.task_ends(_task(task), state, is_of_earlier_run=False)

    def close(self) -> None:
        """Write the last checkpoint."""
        super().close()
        self.run_ends()


def _task(task: TaskRecord) -> Task:
    return Task(
        number=task["id"],
        app=task["func_name"],
        is_kept=task["memoize"],
        is_internal=task["executor"] == _INTERNAL_EXECUTOR,
    )
