"""Parsl's memoizer, made safe to rely on: what is found, what is kept, and what the user reads."""

import threading
from collections import Counter
from pathlib import Path
from typing import Any

from parsl.dataflow.errors import DependencyError
from parsl.executors.errors import BadStateException

from polaris_parsl.configuration.blocks.report import Report
from polaris_parsl.configuration.checkpoints.app_code import SIZE as CODE_SIZE
from polaris_parsl.configuration.checkpoints.app_code import AppCodes, app_function, place_of
from polaris_parsl.configuration.checkpoints.earlier import EarlierRuns, Found, ResultError
from polaris_parsl.configuration.checkpoints.entries import Key, key_from
from polaris_parsl.configuration.checkpoints.keys import NoKeyError, digest, key_of
from polaris_parsl.configuration.checkpoints.results_file import ResultsFile
from polaris_parsl.configuration.parsl_internals.memo import FoundResult, Task, WatchedMemoizer
from polaris_parsl.configuration.record.run_record import RunRecord
from polaris_parsl.configuration.task_errors import TaskPlace
from polaris_parsl.errors import BlockError, warn

# The value of checkpoint_version with which results are taken of whatever code they are.
IGNORE = "ignore"
# Errors of a task that failed because another one did, or the run.
_NOT_ITS_OWN = (DependencyError, BadStateException, BlockError)
_TAKE_THEM = f"checkpoint_version={IGNORE!r} takes them all the same"


class CheckpointMemoizer(WatchedMemoizer):
    """Finds results of earlier runs by app, arguments and code, and keeps those of this run.

    It says once per app when results will not survive the run: Parsl remembers
    and checkpoints only apps that say cache=True, whatever the configuration
    asks for, and is silent about the others.

    Args:
        record: of the run.
        version: what the user says in place of the apps' code; IGNORE takes results of any code.
        place: where tasks run; None if nobody knows.
        report: is handed what the end of the run says; None if nobody reads it.
    """

    def __init__(
        self,
        record: RunRecord,
        version: str | None = None,
        place: TaskPlace | None = None,
        report: Report | None = None,
    ) -> None:
        super().__init__()
        self._report = report
        self._record = record
        self._place = place
        self._ignores_code = version == IGNORE
        self._version = None if self._ignores_code else version
        self._codes = AppCodes()
        self._lock = threading.Lock()
        self._warned: set[tuple[str, ...]] = set()
        self._earlier: EarlierRuns | None = None
        self._file: ResultsFile | None = None
        self._taken: Counter[str] = Counter()
        self._left: dict[bytes, str] = {}

    @property
    def has_earlier_results(self) -> bool:
        """Whether earlier runs have left results that this one may find."""
        return self._earlier is not None and self._earlier.count > 0

    def run_begins(self, run_dir: Path) -> None:
        """See what earlier runs have left, and count the tasks of this one."""
        self._record.count_tasks_of(run_dir)
        self._earlier = EarlierRuns(run_dir, takes_unknown_code=self._ignores_code)
        self._file = ResultsFile(run_dir)
        if self._report:
            self._report.results_were_left(self._earlier.count)
        self._tell_problems()

    def task_begins(self, task: Task) -> None:
        """Count the task, and warn where the results of its app are not kept in the checkpoints."""
        self._record.tasks.begin(task.number, task.app)
        self._record.attempts.begin(task.record)
        if not task.is_kept and not task.is_internal:
            self._warn_once(
                ("cache", task.app),
                f"results of the app {task.app!r} go into no checkpoint and are computed again in "
                "the next run; write @python_app(cache=True) to keep them",
                task,
            )

    def key(self, task: Task) -> str | None:
        """Of place and name of the app, its arguments and its code; None for values without a key."""
        place = place_of(app_function(task.function))
        values = ((task.arguments, False), (task.named, False), (task.outputs, True))
        try:
            parts = [key_of(each, self._codes.of, is_output=is_out) for each, is_out in values]
        except (NoKeyError, RecursionError) as error:
            self._warn_once(
                ("key", task.app, str(error)),
                f"a result of the app {task.app!r} goes into no checkpoint, because an argument is "
                f"or holds a {error}, which has no key\n"
                "  fix: pass numbers, texts, paths, arrays, dataclasses or collections of them; name the "
                "argument in ignore_for_cache, if the result does not depend on it; or register "
                "the type with parsl.dataflow.memoization.id_for_memo",
                task,
            )
            return None
        return str(Key(digest("call", place.encode(), *parts), self._code_of(task)))

    def find(self, key: str, task: Task) -> FoundResult | None:
        """The result of an earlier run; of the same code, or of any where the user says so."""
        assert self._earlier is not None
        asked = key_from(key)
        assert asked
        codes = self._earlier.codes_of(asked.call)
        wanted = [asked] if asked.code in codes else []
        if self._ignores_code:
            wanted += [Key(asked.call, code) for code in reversed(codes) if code != asked.code]
            legacy = key_from(task.parsls_key)
            wanted += [legacy] if legacy else []
        elif codes and not wanted:
            self._leave(asked, codes, task)
        for each in wanted:
            found = self._read(each, task)
            if found:
                with self._lock:
                    self._taken[found.run] += 1
                return FoundResult(found.result)
        return None

    def keep(self, key: str, task: Task, result: Any) -> None:
        """Write a result."""
        assert self._file is not None
        asked = key_from(key)
        assert asked
        try:
            self._file.add(asked, result)
        except OSError as error:
            self._warn_once(
                ("disk",),
                f"cannot write a result of the app {task.app!r} into the checkpoint of this run: "
                f"{error.strerror}; the run goes on, and the next run computes it again",
                task,
            )
        except Exception as error:  # noqa: BLE001 - pickling raises anything
            self._warn_once(
                ("pickle", task.app),
                f"a result of the app {task.app!r} goes into no checkpoint, because it cannot be "
                f"pickled: {error}",
                task,
            )

    def task_failed(self, task: Task, error: BaseException) -> None:
        """Add to the error what the task wrote, or what its place has to do with it."""
        self._record.attempts.failed(task.number, error)
        if self._place:
            self._place.explain(error, task.named)
        if self._report and not isinstance(error, _NOT_ITS_OWN):
            self._report.task_failed(task.number, task.app, error)

    def task_ends(self, task: Task, state: str, *, is_of_earlier_run: bool) -> None:
        """Count how the task ended."""
        self._record.attempts.end(task.record, state, from_checkpoint=is_of_earlier_run)
        self._record.tasks.end(task.number, task.app, state, from_checkpoint=is_of_earlier_run)
        self._record.task_ended()

    def run_ends(self) -> None:
        """Write what was counted."""
        with self._lock:
            taken, left = dict(sorted(self._taken.items())), dict(Counter(self._left.values()))
        if taken or left:
            self._record.results_of_earlier_runs(taken, left)
            if self._report:
                self._report.results_were_found(taken, left)
        self._record.run_ends()
        for each in (self._earlier, self._file):
            if each is not None:
                each.close()

    def _code_of(self, task: Task) -> bytes:
        if self._version is not None:
            return b"\xff" + digest("version", self._version.encode())[: CODE_SIZE - 1]
        return self._codes.of(task.function)

    def _leave(self, asked: Key, codes: list[bytes], task: Task) -> None:
        with self._lock:
            self._left[asked.call] = task.app
        if self._version is not None:
            why = f"were not made with checkpoint_version={self._version!r}"
        elif all(code[0] == 0xFF for code in codes):
            why = "were made with a checkpoint_version"
        elif all(code[0] != asked.code[0] for code in codes):
            why = "were made by another version of Python"
        else:
            why = "were made before the app, or what it uses of its directory, was changed"
        self._warn_once(
            ("left", task.app),
            f"results of the app {task.app!r} in earlier runs are left and computed again, because "
            f"they {why}; {_TAKE_THEM}",
            task,
        )

    def _read(self, key: Key, task: Task) -> Found | None:
        assert self._earlier is not None
        try:
            return self._earlier.find(key)
        except ResultError as error:
            self._warn_once(
                ("read", str(error)),
                f"a result of an earlier run is computed again: {error}",
                task,
            )
            return None

    def _tell_problems(self) -> None:
        assert self._earlier is not None
        problems = self._earlier.problems
        if problems.not_own:
            listed = "".join(f"\n    {each}" for each in problems.not_own)
            warn(
                "results of earlier runs are not used, because somebody else could have written them, "
                f"and a checkpoint is a pickle, which runs any program when it is read:{listed}\n"
                "  fix: `chmod go-w` what is yours and was not changed; use a run_dir of your own"
            )
        for each in problems.damaged:
            warn(f"a checkpoint is damaged: {each}")
        if problems.without_code:
            warn(
                f"results of {len(problems.without_code)} earlier runs ({_some(problems.without_code)}) "
                f"do not say of which code they are, and are left; {_TAKE_THEM}"
            )

    def _warn_once(self, about: tuple[str, ...], text: str, task: Task) -> None:
        """Warn at the function of the task: Parsl starts tasks in threads of its own."""
        with self._lock:
            if about in self._warned:
                return
            self._warned.add(about)
        warn(text, of=getattr(app_function(task.function), "__code__", None))


def _some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
