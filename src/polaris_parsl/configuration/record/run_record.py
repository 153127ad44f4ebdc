"""The record of a run: facts that the driver writes into the run directory while Parsl runs.

RUN/polaris_parsl/run.jsonl holds one event a line, as JSON; lines are only ever added, so a driver
that is killed leaves all but the last few seconds. docs/on-disk.md lists the events. `pin --run`
and `report` read them, also where there is no Parsl: this module imports none.
"""

import atexit
import json
import os
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from polaris_parsl.configuration.blocks.block import BlockChange, BlockState
from polaris_parsl.configuration.blocks.losses import Loss
from polaris_parsl.configuration.record.drift import look_at_install
from polaris_parsl.configuration.record.record_file import RecordFile
from polaris_parsl.configuration.record.task_attempts import TASKS, Attempts
from polaris_parsl.configuration.record.workflow_script import commit_of, running_script
from polaris_parsl.errors import warn
from polaris_parsl.files import digest
from polaris_parsl.version import VERSION

# Directory in a run directory for what polaris_parsl says of the run.
FOLDER = "polaris_parsl"
RECORD = "run.jsonl"
# bundles that were made of the run, a line each
PINS = "pins.jsonl"
# the script that ran, as it was at the start
WORKFLOW = "workflow.py"
FORMAT = 1

# Counts are written at most so often while tasks end, and ever more seldom in a long run: some
# ninety lines a day, and a kill loses the last tenth of the run at most.
_COUNTS_SECONDS = 5.0
_COUNTS_SHARE = 0.1
# Events of which so many may wait for a full disk that not all are kept.
_MAY_BE_LOST = ('{"event": "tasks"', '{"event": "task_lost"')


class TaskCounts:
    """How many tasks there were and how they ended.

    A task counts from when all that it waits for is there, or from when it failed before.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unfinished: dict[int, str] = {}
        self._apps: Counter[str] = Counter()
        self._states: Counter[str] = Counter()
        self._from_checkpoints = 0

    def begin(self, number: int, app: str) -> None:
        """Count a task that starts; once, however often it is retried."""
        with self._lock:
            if number not in self._unfinished:
                self._unfinished[number] = app
                self._apps[app] += 1

    def end(self, number: int, app: str, state: str, *, from_checkpoint: bool) -> None:
        """Count a task that has ended.

        Args:
            number: Parsl's number of the task.
            app: name of its function.
            state: Parsl's word for how it ended.
            from_checkpoint: whether its result was found in the checkpoint of an earlier run.
        """
        with self._lock:
            if self._unfinished.pop(number, None) is None:
                self._apps[app] += 1
            self._states[state] += 1
            self._from_checkpoints += from_checkpoint

    def as_facts(self) -> dict[str, Any]:
        """All counts."""
        with self._lock:
            return {
                "tasks": self._apps.total(),
                "unfinished": len(self._unfinished),
                "states": dict(self._states),
                "from_checkpoints": self._from_checkpoints,
                "apps": dict(self._apps),
            }


class RunRecord:
    """Writes the record of the one run that a configuration is for.

    A record that cannot be written, as on a full disk, stops the run in no way: there is one
    warning, and it is written as soon as it can be.

    Args:
        files: texts for the run directory beside the record, by file name.
        job: id of the PBS job that the driver uses the nodes of; None if blocks are PBS jobs.
        keeps_tasks: whether each task is kept, in a file of its own.
        clock: seconds that only go on.
    """

    def __init__(
        self,
        files: Mapping[str, str],
        *,
        job: str | None = None,
        keeps_tasks: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.files = files
        self.tasks = TaskCounts()
        self.attempts = Attempts(self._complain_of_tasks)
        self._keeps_tasks = keeps_tasks
        # the configuration as Parsl would write it; None if the run uses another one
        self.describe: Callable[[], str | None] = lambda: None
        self._job = job
        self._clock = clock
        self._lock = threading.RLock()
        self._path: Path | None = None
        self._file: RecordFile | None = None
        self._was_said = False
        self._process = 0
        self._counts_tasks_of: Path | None = None
        self._written: dict[str, Any] = {}
        self._workflow: dict[str, str | None] = {}
        self._running: set[str] = set()
        self._jobs: set[str | None] = set()
        self._callbacks: list[Callable[[], None]] = []
        self._began = self._next_counts = 0.0

    def count_tasks_of(self, run_dir: Path) -> None:
        """Say that `tasks` counts the tasks of a run, which is about to start."""
        self._counts_tasks_of = run_dir

    @property
    def counts_tasks(self) -> bool:
        """Whether `tasks` counts the tasks of the run."""
        return self._counts_tasks_of is not None

    @property
    def has_ended(self) -> bool:
        """Whether Parsl has shut all executors of the run down."""
        return bool(self._process) and not self._running

    def begin(self, run_dir: Path, run_id: str) -> None:
        """Begin the record, before Parsl changes what the configuration holds; once.

        Args:
            run_dir: of this run, as runinfo/000.
            run_id: Parsl's identity of the run.
        """
        with self._lock:
            if self._process:
                return
            self._path, self._process = run_dir / FOLDER / RECORD, os.getpid()
            if self._counts_tasks_of != run_dir:
                self._counts_tasks_of = None
            self._began = self._next_counts = self._clock()
            atexit.register(self._exit)
            # executors of a second configuration may be added to a run, which has its record then
            is_second = self._path.exists()
            self._file = RecordFile(
                self._path,
                make=(lambda: None) if is_second else self._write_files,
                complain=self._complain,
                may_lose=lambda line: line.startswith(_MAY_BE_LOST),
                tell_lost=lambda count: _line("missing", lines=count),
            )
            if not is_second:
                self._keep_workflow()
                self._write_run(run_id)
                self._begin_attempts()

    def earlier_records(self) -> list[Path]:
        """The records of earlier runs in the same directory, the newest last."""
        if self._path is None:
            return []
        found = self._path.parents[2].glob(f"[0-9]*/{FOLDER}/{RECORD}")
        return sorted(path for path in found if path != self._path)

    def executor_starts(self, executor: str, mode: str, **shape: Any) -> None:
        """Add an executor that has started.

        Args:
            executor: its label.
            mode: where its workers run, and why there.
            shape: of its blocks.
        """
        with self._lock:
            self._running.add(executor)
            self._write("executor", executor=executor, mode=mode, **shape)

    def block_submitted(self, executor: str, block: str, job: str) -> None:
        """Add a block that was submitted: a PBS job, or a process within the driver's own job."""
        self._write("block", executor=executor, block=block, job=self._job or job)

    def block_changed(self, executor: str, change: BlockChange) -> None:
        """Add what happened to a block that is a PBS job."""
        block = change.block
        if change.state is BlockState.QUEUED and block.job not in self._jobs:
            self._jobs.add(block.job)
            self._write("block", executor=executor, block=block.number, job=block.job)
        self._write(
            "block_state",
            executor=executor,
            block=block.number,
            job=block.job,
            state=change.state.value,
            cause=block.cause.value if block.cause else None,
            what=change.text,
        )

    def task_lost(self, loss: Loss, why: str) -> None:
        """Add a task that runs again because its node was lost."""
        self.attempts.lost(loss, why)
        self._write("task_lost", **asdict(loss), why=why)

    def call_at_end(self, callback: Callable[[], None]) -> None:
        """Call something when Parsl begins to clean up."""
        self._callbacks.append(callback)

    def run_ends(self) -> None:
        """Write what was counted, and tell those who wait for the end."""
        self.write_counts()
        for callback in self._callbacks:
            callback()

    def task_ended(self) -> None:
        """Add the counts of tasks, if they were not added lately."""
        now = self._clock()
        with self._lock:
            if now >= self._next_counts:
                self._next_counts = now + max(_COUNTS_SECONDS, _COUNTS_SHARE * (now - self._began))
                self.write_counts()

    def write_counts(self) -> None:
        """Add the counts of tasks, if they have changed."""
        with self._lock:
            if self._path is None or not self.counts_tasks:
                return
            counts = self.tasks.as_facts()
            if counts != self._written:
                self._written = counts
                self._write("tasks", **counts)

    def results_of_earlier_runs(self, taken: Mapping[str, int], left: Mapping[str, int]) -> None:
        """Add how many results were taken from each earlier run, and how many were left of each app."""
        self._write("checkpoints", taken=dict(taken), left=dict(left))

    def executor_ends(self, executor: str) -> None:
        """Add that Parsl has shut an executor down."""
        with self._lock:
            self.write_counts()
            self._write("executor_end", executor=executor)
            self._running.discard(executor)
            if not self._running:
                self.attempts.close()
                atexit.unregister(self._exit)

    def _begin_attempts(self) -> None:
        if self._path is not None and self._keeps_tasks and self.counts_tasks:
            self.attempts.write_to(self._path.with_name(TASKS))

    def _keep_workflow(self) -> None:
        """Keep the script as it is now, with its commit."""
        found = running_script()
        if found:
            self._workflow = {"script_sha256": digest(found), "commit": commit_of(found.parent)}
            text = found.read_text(encoding="utf-8", errors="surrogateescape")
            self.files = {**self.files, WORKFLOW: text}

    def _write_files(self) -> None:
        assert self._path, "it has begun"
        folder = self._path.parent
        folder.mkdir(exist_ok=True)
        for name, text in self.files.items():
            (folder / name).write_text(text, encoding="utf-8", errors="surrogateescape")

    def _write_run(self, run_id: str) -> None:
        from importlib.metadata import version  # noqa: PLC0415 - what reads records needs none

        install = look_at_install()
        self._write(
            "run",
            format=FORMAT,
            run_id=run_id,
            workflow=Path(sys.argv[0]).name if sys.argv else "",
            **self._workflow,
            polaris_parsl=VERSION,
            parsl=version("parsl"),
            python=".".join(map(str, sys.version_info[:3])),
            environment=sys.prefix,
            base=sys.base_prefix,
            install=install.as_facts() if install else None,
            host=socket.gethostname(),
            process=self._process,
            counts_tasks=self.counts_tasks,
            configuration=self.describe(),
        )

    def _exit(self) -> None:
        """Add that Python ended and nobody had Parsl clean up."""
        # a process that the user's program forked ends in this way too
        if os.getpid() == self._process:
            self.attempts.close()
            self.write_counts()
            self._write("exit")

    def _write(self, event: str, **facts: Any) -> None:
        with self._lock:
            if self._file is not None:
                self._file.add([_line(event, **facts)])

    def _complain(self, error: OSError) -> None:
        self._was_said = True
        warn(
            f"cannot write the record of this run, {self._path}: {error.strerror}; the run goes on, and "
            "the record as soon as it can be written"
        )

    def _complain_of_tasks(self, error: OSError) -> None:
        if not self._was_said:
            warn(
                f"cannot write the record of tasks, {TASKS} in {FOLDER}/ of the run directory: "
                f"{error.strerror}; the run goes on, and the record as soon as it can be written"
            )


def _line(event: str, **facts: Any) -> str:
    when = datetime.now().astimezone().isoformat(timespec="seconds")
    return json.dumps({"event": event, "time": when, **facts}) + "\n"
