"""Checkpoints: written when a task ends, found again, and never silently missing."""

import warnings
from concurrent.futures import Future
from typing import Any

from parsl.dataflow.memoization import BasicMemoizer
from parsl.dataflow.taskrecord import TaskRecord

from polaris_parsl.errors import PolarisParslWarning

# Parsl runs the bodies of join apps and file staging in this executor; they hold no results.
_INTERNAL_EXECUTOR = "_parsl_internal"


class CheckpointMemoizer(BasicMemoizer):
    """Parsl's memoizer, which says once per app when results will not survive the run.

    Parsl remembers and checkpoints only apps that say cache=True, whatever the
    configuration asks for, and is silent about the others.
    """

    def __init__(self) -> None:
        # Without checkpoint_files, Parsl loads the checkpoints of all earlier runs in run_dir.
        super().__init__(checkpoint_mode="task_exit", memoize=True)
        self._warned: set[str] = set()

    def check_memo(self, task: TaskRecord) -> Future[Any] | None:
        """Look the task up in the checkpoints; warn where its app is not kept in them."""
        app = task["func_name"]
        if (
            not task["memoize"]
            and task["executor"] != _INTERNAL_EXECUTOR
            and app not in self._warned
        ):
            self._warned.add(app)
            warnings.warn(
                f"results of the app {app!r} go into no checkpoint and are computed again in the "
                "next run; write @python_app(cache=True) to keep them",
                PolarisParslWarning,
                stacklevel=2,
            )
        return super().check_memo(task)
