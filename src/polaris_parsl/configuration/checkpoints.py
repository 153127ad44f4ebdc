"""Checkpoints: written when a task ends, found again, and never silently missing."""

import pickle
from collections.abc import Sequence
from pathlib import Path

from polaris_parsl.configuration.parsl_internals.memo import Task, WatchedMemoizer
from polaris_parsl.configuration.run_record import RunRecord
from polaris_parsl.errors import warn


class CheckpointMemoizer(WatchedMemoizer):
    """Parsl's memoizer, made safe to rely on.

    It says once per app when results will not survive the run: Parsl remembers
    and checkpoints only apps that say cache=True, whatever the configuration
    asks for, and is silent about the others. And it reads what a driver left
    that was killed while it wrote a checkpoint, where Parsl would refuse to
    start ever again.
    """

    def __init__(self, record: RunRecord) -> None:
        super().__init__()
        self._record = record
        self._warned: set[str] = set()

    def mend(self, files: Sequence[Path]) -> bool:
        """Mend each checkpoint that ends in the middle of a record; whether there was one."""
        mended = [_mend(file) for file in files]
        return any(mended)

    def run_begins(self, run_dir: Path) -> None:
        """Count the tasks of this run."""
        self._record.count_tasks_of(run_dir)

    def task_begins(self, task: Task) -> None:
        """Count the task, and warn where the results of its app are not kept in the checkpoints."""
        self._record.tasks.begin(task.number, task.app)
        if not task.is_kept and not task.is_internal and task.app not in self._warned:
            self._warned.add(task.app)
            warn(
                f"results of the app {task.app!r} go into no checkpoint and are computed again in "
                "the next run; write @python_app(cache=True) to keep them",
            )

    def task_ends(self, task: Task, state: str, *, is_of_earlier_run: bool) -> None:
        """Count how the task ended."""
        self._record.tasks.end(task.number, task.app, state, from_checkpoint=is_of_earlier_run)
        self._record.task_ended()

    def run_ends(self) -> None:
        """Write what was counted."""
        self._record.write_counts()


def _mend(file: Path) -> bool:
    """Cut off a record that ends in the middle; keep the file as it was beside it.

    Returns:
        Whether the file was damaged in that way.
    """
    whole, records = 0, 0
    with file.open("rb") as stream:
        try:
            while True:
                pickle.load(stream)
                whole, records = stream.tell(), records + 1
        except EOFError:
            return False
        except pickle.UnpicklingError:
            if stream.read(1):
                return False  # more follows: this is not an interrupted write
        stream.seek(0)
        intact = stream.read(whole)
    mended = file.with_suffix(".mended")
    mended.write_bytes(intact)
    file.rename(file.with_suffix(".damaged"))
    mended.rename(file)
    warn(
        f"{file} ended in the middle of a record, as when a driver is killed while it writes; its "
        f"{records} whole results are used, and the file as it was is kept as "
        f"{file.with_suffix('.damaged').name}",
    )
    return True
