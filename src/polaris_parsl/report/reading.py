"""Reads the record of a run: of one that is over, that goes on, or that was cut short.

Whoever wrote the files may have written anything. What is no line of a record is left out and
counted; what is too much to read is left out and said.
"""

import itertools
import json
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from polaris_parsl.configuration.record.run_record import FOLDER, FORMAT, PINS, RECORD
from polaris_parsl.configuration.record.task_attempts import FORMAT as FORMAT_OF_TASKS
from polaris_parsl.configuration.record.task_attempts import TASKS
from polaris_parsl.errors import RunError

# Lines that are read at most, of a million tasks with a retry each; and bytes of a line.
LINES = 2_500_000
_LINE_BYTES = 1 << 20
# Bundles of a run that are named.
_PINS = 20
_NAME_LENGTH, _TEXT_LENGTH = 120, 1200
# Seconds since 1970 that a clock can show: until the year 5138.
_LATEST = 1e11


class Ran(NamedTuple):
    """An attempt of a task; times in seconds since 1970, None if they are not known."""

    task: int
    app: str
    result: str
    submitted: float | None
    launched: float | None
    start: float | None
    end: float | None
    number: int
    runs_again: bool
    worker: int | None
    reason: int | None
    executor: str

    @property
    def seconds(self) -> float | None:
        """How long it ran; None if that is not known."""
        if self.start is None or self.end is None:
            return None
        # the record has milliseconds
        return max(0.0, round(self.end - self.start, 3))


@dataclass(frozen=True)
class WorkerPlace:
    """Where tasks ran.

    Attributes:
        nodes: of an MPI task; else its host alone.
    """

    executor: str
    block: str
    number: str
    host: str
    gpu: str
    cpus: str
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Reason:
    """Why attempts failed: the class of the error, and the worker's own message."""

    error: str
    message: str


@dataclass
class History:
    """What the record of a run says.

    Attributes:
        folder: the run directory.
        events: of run.jsonl, in its order; the first is the run's.
        attempts: of tasks.jsonl; none if the run kept none.
        begun: how many tasks have begun, by app.
        keeps_tasks: whether the run kept its tasks.
        problems: what could not be read, in words.
        pins: bundles that were made of the run, a line each.
        last_seen: when its files were last written, in seconds since 1970.
    """

    folder: Path
    events: list[dict[str, Any]]
    attempts: list[Ran] = field(default_factory=list)
    workers: dict[int, WorkerPlace] = field(default_factory=dict)
    reasons: dict[int, Reason] = field(default_factory=dict)
    begun: Counter[str] = field(default_factory=Counter)
    keeps_tasks: bool = False
    problems: list[str] = field(default_factory=list)
    pins: list[dict[str, Any]] = field(default_factory=list)
    last_seen: float = 0.0

    def of(self, *names: str) -> list[dict[str, Any]]:
        """The events of some names."""
        return [each for each in self.events if each["event"] in names]

    def worker_of(self, attempt: Ran) -> WorkerPlace | None:
        """Where an attempt ran; None if that is not known."""
        return None if attempt.worker is None else self.workers.get(attempt.worker)

    def reason_of(self, attempt: Ran) -> Reason | None:
        """Why an attempt failed; None if that is not known."""
        return None if attempt.reason is None else self.reasons.get(attempt.reason)


def runs_in(folder: Path) -> list[Path]:
    """The run directories in a directory, in their order."""
    try:
        found = [each for each in folder.iterdir() if each.name.isdigit() and each.is_dir()]
    except OSError:
        return []
    return sorted(found, key=lambda each: (len(each.name), each.name))


def find_run(folder: Path) -> Path:
    """A run directory: this one, or the newest run in it that has a record.

    Raises:
        RunError: there is none.
    """
    if (folder / FOLDER / RECORD).exists():
        return folder
    recorded = [each for each in runs_in(folder) if (each / FOLDER / RECORD).exists()]
    if recorded:
        return recorded[-1]
    if not folder.is_dir():
        problem = f"there is no directory {folder}"
    elif (folder / "parsl.log").exists() or runs_in(folder):
        problem = (
            f"{folder} has no record ({FOLDER}/{RECORD}): an earlier polaris-parsl made the run, or a "
            "configuration without polaris_parsl"
        )
    else:
        problem = f"{folder} is no run directory of Parsl"
    raise RunError(problem, remedy="name the directory of one run, as runinfo/000")


def read_run(folder: Path, *, with_tasks: bool = True) -> History:
    """Read the record of a run.

    Args:
        folder: of the run, or one that holds runs, of which the newest is read.
        with_tasks: whether its tasks are read, too, which are many.

    Raises:
        RunError: there is no run, or none of its record can be read.
    """
    folder = find_run(folder)
    history = History(folder, [])
    path = folder / FOLDER / RECORD
    for line in _lines(path, history):
        if isinstance(line.get("event"), str):
            history.events.append(line)
    _refuse_unknown(history, path)
    if (folder / FOLDER / PINS).exists():
        history.pins = list(itertools.islice(_lines(folder / FOLDER / PINS, history), _PINS))
    tasks = folder / FOLDER / TASKS
    if with_tasks and tasks.exists():
        history.keeps_tasks = True
        reader = _Reader(history)
        for line in _lines(tasks, history):
            reader.take(line)
        reader.end()
    return history


def _refuse_unknown(history: History, path: Path) -> None:
    events = history.events
    if not events or events[0]["event"] != "run":
        raise RunError(
            f"{path} does not say that a run began",
            remedy="copy the run directory again; without that line, nothing else can be placed",
        )
    if events[0].get("format") != FORMAT:
        raise RunError(
            f"{path} has format {events[0].get('format')}; this polaris-parsl reads {FORMAT}",
            remedy="use the polaris-parsl that made the run",
        )


def _lines(path: Path, history: History) -> Iterator[dict[str, Any]]:
    """The lines of a file that are JSON objects; the others are counted."""
    bad = count = 0
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise RunError(f"{path} is no file", remedy="copy the run directory again")
            history.last_seen = max(history.last_seen, status.st_mtime)
            while line := stream.readline(_LINE_BYTES):
                if not line.endswith(b"\n"):
                    # the last one, of a driver that writes or was killed; or one far too long
                    bad += len(line) == _LINE_BYTES
                    continue
                count += 1
                if count > LINES:
                    history.problems.append(
                        f"{path.name} has more than {LINES:,} lines; the others are left out"
                    )
                    break
                found = _object(line)
                if found is None:
                    bad += 1
                else:
                    yield found
    except OSError as error:
        raise RunError(
            f"cannot read {path}: {error.strerror}", remedy="see its permissions"
        ) from error
    if bad:
        history.problems.append(f"{bad} lines of {path.name} cannot be read, and are left out")


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found else None


class _Reader:
    """Takes the lines of tasks.jsonl."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._ended: set[int] = set()
        self._back = self._strange = 0
        self._names: dict[str, str] = {}

    def take(self, line: Mapping[str, Any]) -> None:
        """Take a line, by its first key."""
        kind = next(iter(line))
        if kind == "task":
            self._task(line)
        elif kind == "begun":
            self._begun(line)
        elif kind == "worker" and (number := _whole(line, "worker")) is not None:
            nodes = tuple(filter(None, self._name(line, "nodes", 100_000).split(",")))
            words = (
                self._name(line, key)
                for key in ("executor", "block", "number", "host", "gpu", "cpus")
            )
            executor, block, own, host, gpu, cpus = words
            self._history.workers[number] = WorkerPlace(
                executor, block, own, host, gpu, cpus, nodes or ((host,) if host else ())
            )
        elif kind == "reason" and (number := _whole(line, "reason")) is not None:
            self._history.reasons[number] = Reason(
                self._name(line, "error"), self._name(line, "message", _TEXT_LENGTH)
            )
        elif kind == "format" and line["format"] != FORMAT_OF_TASKS:
            self._history.problems.append(
                f"{TASKS} has format {str(line['format'])[:20]}; this polaris-parsl reads "
                f"{FORMAT_OF_TASKS}"
            )

    def end(self) -> None:
        """Say what was strange."""
        if self._strange:
            self._history.problems.append(
                f"{self._strange} lines of {TASKS} are no attempts of tasks, and are left out"
            )
        if self._back:
            self._history.problems.append(
                f"{self._back} attempts end before they start: a clock went back; they count as 0 s"
            )

    def _task(self, line: Mapping[str, Any]) -> None:
        number, result = _whole(line, "task"), line.get("result")
        if number is None or not isinstance(result, str):
            self._strange += 1
            return
        ran = Ran(
            number,
            self._name(line, "app"),
            self._name(line, "result"),
            _time(line, "submitted"),
            _time(line, "launched"),
            _time(line, "start"),
            _time(line, "end"),
            _whole(line, "try") or 0,
            line.get("runs_again") is True,
            _whole(line, "worker"),
            _whole(line, "reason"),
            self._name(line, "executor"),
        )
        self._back += ran.start is not None and ran.end is not None and ran.end < ran.start
        self._history.attempts.append(ran)

    def _begun(self, line: Mapping[str, Any]) -> None:
        pairs = line.get("begun")
        for pair in pairs if isinstance(pairs, list) else []:
            if (
                isinstance(pair, list)
                and len(pair) == 2
                and all(type(each) is int for each in pair)
            ):
                self._history.begun[self._name(line, "app")] += max(0, pair[1] - pair[0] + 1)

    def _name(self, line: Mapping[str, Any], key: str, length: int = _NAME_LENGTH) -> str:
        found = line.get(key)
        text = found[:length] if isinstance(found, str) else ""
        return self._names.setdefault(text, text)


def _whole(line: Mapping[str, Any], key: str) -> int | None:
    found = line.get(key)
    return found if type(found) is int and 0 <= found < 1 << 53 else None


def _time(line: Mapping[str, Any], key: str) -> float | None:
    found = line.get(key)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return float(found) if 0 <= found < _LATEST else None


def time_of(event: Mapping[str, Any]) -> float | None:
    """When an event happened, in seconds since 1970; None if it does not say so."""
    try:
        return datetime.fromisoformat(event["time"]).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
