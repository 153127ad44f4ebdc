"""Parsl's memoizer: the tasks that pass through it, described independently of the Parsl release."""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parsl.dataflow.errors import DependencyError
from parsl.dataflow.memoization import BasicMemoizer, id_for_memo, make_hash
from parsl.dataflow.taskrecord import TaskRecord

from polaris_parsl.configuration.parsl_internals.internal import Internal

# Parsl runs the bodies of join apps and file staging in this executor; they hold no results.
_INTERNAL_EXECUTOR = "_parsl_internal"

_KERNEL = "parsl.dataflow.dflow.DataFlowKernel"
_MEMOIZATION = "parsl.dataflow.memoization"
_BASIC = f"{_MEMOIZATION}.BasicMemoizer"
INTERNALS = (
    Internal(
        _BASIC,
        "start",
        "finds the results of all earlier runs",
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
        _MEMOIZATION,
        "id_for_memo",
        "gives the keys of types that the user has registered with it",
        "2025.12.8",
        (f"{_MEMOIZATION}.make_hash",),
        is_as_expected=lambda function: callable(getattr(function, "dispatch", None)),
    ),
    Internal(
        _MEMOIZATION,
        "make_hash",
        "gives the keys of results that Parsl itself has written",
        "2025.12.8",
        (f"{_BASIC}.check_memo",),
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
        function: the app, within what Parsl puts around it.
        arguments: by position.
        named: arguments by name, without those of ignore_for_cache, and without outputs.
        outputs: the argument of that name.
        record: Parsl's own.
    """

    number: int
    app: str
    is_kept: bool
    is_internal: bool
    function: Any
    arguments: tuple[Any, ...]
    named: Mapping[str, Any]
    outputs: Any
    record: TaskRecord

    @property
    def parsls_key(self) -> str | None:
        """What Parsl itself would find its result by; None if Parsl has no key for it."""
        try:
            return make_hash(self.record)
        except (ValueError, TypeError):
            return None


@dataclass(frozen=True, slots=True)
class FoundResult:
    """A result that was found; None is one, too."""

    value: Any

    @property
    def future(self) -> Future[Any]:
        """What Parsl takes it from."""
        future: Future[Any] = Future()
        future.set_result(self.value)
        return future


@dataclass(frozen=True, slots=True)
class FoundError:
    """How the same call has failed before, in this run."""

    error: BaseException

    @property
    def future(self) -> Future[Any]:
        """What Parsl takes it from."""
        future: Future[Any] = Future()
        future.set_exception(self.error)
        return future


class WatchedMemoizer(BasicMemoizer):
    """Parsl's memoizer, which tells of the run and of each task by calling methods of ours.

    They are called by several threads of Parsl's. Results of this run are remembered here, as Parsl
    does; those of earlier runs, and what is written, are up to `find` and `keep`.
    """

    def __init__(self) -> None:
        super().__init__(checkpoint_mode="task_exit", memoize=True)
        # Parsl's future of a task holds its whole record: six kilobytes for each task until the run ends
        self._known: dict[str, FoundResult | FoundError] = {}
        self._of_earlier_runs: set[str] = set()

    def run_begins(self, run_dir: Path) -> None:
        """Called before the executors of a run start."""

    def task_begins(self, task: Task) -> None:
        """Called when all that a task waits for is there; again for each time that it is retried."""

    def key(self, task: Task) -> str | None:  # noqa: ARG002 - for those that have one
        """What the result of a task is found by; None if it is not to be kept."""
        return None

    def find(self, key: str, task: Task) -> FoundResult | None:  # noqa: ARG002 - the same
        """The result of an earlier run."""
        return None

    def keep(self, key: str, task: Task, result: Any) -> None:
        """Called for each result that no earlier run had."""

    def task_ends(self, task: Task, state: str, *, is_of_earlier_run: bool) -> None:
        """Called once for each task that ends, also for one that never began.

        Args:
            task: the task.
            state: Parsl's word: exec_done, memo_done, failed or dep_fail.
            is_of_earlier_run: whether the result comes from the checkpoint of an earlier run.
        """

    def task_failed(self, task: Task, error: BaseException) -> None:
        """Called for each task that failed, before its error reaches the user."""

    def run_ends(self) -> None:
        """Called when Parsl begins to clean up."""

    def start(self, *, run_dir: str, config_run_dir: str | None = None) -> None:  # noqa: ARG002
        """Begin a run. Parsl 2025.12.8 names only the directory of this run."""
        self.run_begins(Path(run_dir))

    def check_memo(self, task: TaskRecord) -> Future[Any] | None:
        """Look a task up among the results of this run and of earlier ones."""
        seen = _task(task)
        self.task_begins(seen)
        key = self.key(seen) if seen.is_kept else None
        task["hashsum"] = key
        if key is None:
            return None
        if key in self._known:
            return self._known[key].future
        found = self.find(key, seen)
        if found is None:
            return None
        self._of_earlier_runs.add(key)
        return found.future

    def update_memo_result(self, task: TaskRecord, r: Any) -> None:
        """Remember the result of a task, and keep it if it is new."""
        seen, key = self._remember(task, FoundResult(r))
        if key and not task["from_memo"]:
            self.keep(key, seen, r)
        state = "memo_done" if task["from_memo"] else "exec_done"
        is_known = bool(task["from_memo"]) and key in self._of_earlier_runs
        self.task_ends(seen, state, is_of_earlier_run=is_known)

    def update_memo_exception(self, task: TaskRecord, e: BaseException) -> None:
        """Remember that a task has failed."""
        seen, _ = self._remember(task, FoundError(e))
        state = "dep_fail" if isinstance(e, DependencyError) else "failed"
        self.task_failed(seen, e)
        self.task_ends(seen, state, is_of_earlier_run=False)

    def _remember(
        self, task: TaskRecord, found: FoundResult | FoundError
    ) -> tuple[Task, str | None]:
        key = task.get("hashsum") if task["memoize"] else None
        if key is not None:
            self._known[key] = found
        return _task(task), key

    def checkpoint_queue(self) -> None:
        """Nothing waits to be written."""

    def close(self) -> None:
        """End the run's work."""
        self.run_ends()


def users_own_key(value: Any, *, is_output: bool) -> bytes | None:
    """The key of a value whose type the user has registered with Parsl's id_for_memo."""
    own = id_for_memo.dispatch(type(value))
    if getattr(own, "__module__", "").startswith("parsl."):
        return None
    return bytes(own(value, output_ref=is_output))


def _task(record: TaskRecord) -> Task:
    without = {"outputs", *(record["ignore_for_cache"] or ())}
    return Task(
        number=record["id"],
        app=record["func_name"],
        is_kept=record["memoize"],
        is_internal=record["executor"] == _INTERNAL_EXECUTOR,
        function=record["func"],
        arguments=tuple(record["args"]),
        named={name: each for name, each in record["kwargs"].items() if name not in without},
        outputs=record["kwargs"].get("outputs"),
        record=record,
    )
