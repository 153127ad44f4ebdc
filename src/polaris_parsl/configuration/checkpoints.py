"""Checkpoints: written when a task ends, found again, and never silently missing."""

import pickle
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from parsl.dataflow.errors import BadCheckpoint
from parsl.dataflow.memoization import BasicMemoizer
from parsl.dataflow.taskrecord import TaskRecord
from parsl.utils import get_all_checkpoints

from polaris_parsl.errors import warn

# Parsl runs the bodies of join apps and file staging in this executor; they hold no results.
_INTERNAL_EXECUTOR = "_parsl_internal"


class CheckpointMemoizer(BasicMemoizer):
    """Parsl's memoizer, made safe to rely on.

    It says once per app when results will not survive the run: Parsl remembers
    and checkpoints only apps that say cache=True, whatever the configuration
    asks for, and is silent about the others. And it reads what a driver left
    that was killed while it wrote a checkpoint, where Parsl would refuse to
    start ever again.
    """

    def __init__(self) -> None:
        super().__init__(checkpoint_mode="task_exit", memoize=True)
        self._warned: set[str] = set()

    def start(self, *, run_dir: str, config_run_dir: str | None = None) -> None:
        """Load the checkpoints of all earlier runs in config_run_dir."""
        # Parsl 2025.12.8 names only the directory of this run.
        known = {} if config_run_dir is None else {"config_run_dir": config_run_dir}
        config_run_dir = config_run_dir or str(Path(run_dir).parent)
        files = [Path(folder) / "tasks.pkl" for folder in get_all_checkpoints(config_run_dir)]
        # A driver that was killed early leaves the folder without the file.
        files = [file for file in files if file.is_file()]
        self.checkpoint_files = [str(file.parent) for file in files]
        try:
            super().start(run_dir=run_dir, **known)
        except BadCheckpoint:
            mended = [file for file in files if _mend(file)]
            if not mended:
                raise
            super().start(run_dir=run_dir, **known)

    def check_memo(self, task: TaskRecord) -> Future[Any] | None:
        """Look the task up in the checkpoints; warn where its app is not kept in them."""
        app = task["func_name"]
        if (
            not task["memoize"]
            and task["executor"] != _INTERNAL_EXECUTOR
            and app not in self._warned
        ):
            self._warned.add(app)
            warn(
                f"results of the app {app!r} go into no checkpoint and are computed again in the "
                "next run; write @python_app(cache=True) to keep them",
            )
        return super().check_memo(task)


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
                return False  # more follows: this is no interrupted write
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
