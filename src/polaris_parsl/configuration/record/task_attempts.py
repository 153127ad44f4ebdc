"""The tasks of a run, one line for each attempt: when, where, how it ended and why.

RUN/polaris_parsl/tasks.jsonl is written in batches, a second apart, by one thread of the driver;
docs/on-disk.md says what the lines hold. Workers and reasons that come again are written once.
"""

import functools
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from polaris_parsl.configuration.blocks.losses import Loss
from polaris_parsl.configuration.record.record_file import RecordFile

TASKS = "tasks.jsonl"
FORMAT = 1
# How an attempt ended.
COMPUTED, FROM_CHECKPOINT, REMEMBERED = "computed", "from checkpoint", "remembered"
FAILED, LOST, NOT_RUN = "failed", "lost", "not run"
_RESULTS = {"exec_done": COMPUTED, "memo_done": REMEMBERED, "failed": FAILED, "dep_fail": NOT_RUN}

_SECONDS = 1.0
_NAME_LENGTH, _MESSAGE_LENGTH = 80, 1000
# Of more different messages than that, only the kind of error is kept.
_REASONS = 1000
_Place = tuple[str, ...]
_PLACE = ("executor", "block", "pool", "number", "host", "gpu", "cpus", "nodes")


class Attempt:
    """One time that a task runs, or is not run because its result is there.

    Attributes:
        task: Parsl's number of it.
        app: name of its function.
        executor: label.
        number: 0 at first.
        submitted: when the user called the app; this and all times in seconds since 1970.
        launched: when all that the task waits for was there, and it went to its executor.
        start: when its worker began; None if that is not known.
        end: when its worker was done.
        place: its worker.
        result: how it ended; "" before.
        reason: kind and text of its error.
    """

    __slots__ = (
        "app", "end", "executor", "launched", "number", "place", "reason", "result", "start",
        "submitted", "task",
    )  # fmt: skip

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.task: int = record["id"]
        self.app: str = record["func_name"][:_NAME_LENGTH]
        self.executor: str = record["executor"]
        self.number: int = record["try_id"]
        self.submitted = _seconds(record.get("time_invoked"))
        self.launched = _seconds(record.get("try_time_launched"))
        self.start: float | None = None
        self.end: float | None = None
        self.place: _Place | None = None
        self.result = ""
        self.reason: tuple[str, str] | None = None

    def measured(self, start: float, end: float, place: tuple[str, ...]) -> None:
        """Add what the worker says."""
        self.start, self.end, self.place = start, end, (self.executor, *place)


class Attempts:
    """Keeps the attempts of a run; Parsl's threads call it.

    Args:
        complain: called when the file cannot be written, as on a full disk.
    """

    def __init__(self, complain: Callable[[OSError], None]) -> None:
        self._complain = complain
        self._thread_has = threading.local()
        self._lock = threading.Lock()
        self._open: dict[int, Attempt] = {}
        self._begun: dict[str, list[int]] = defaultdict(list)
        self._ended: list[tuple[Attempt, bool]] = []
        self._places: dict[_Place, int] = {}
        self._reasons: dict[tuple[str, str], int] = {}
        self._file: RecordFile | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def write_to(self, path: Path) -> None:
        """Begin to write; once."""
        self._file = RecordFile(
            path,
            complain=self._complain,
            may_lose=lambda line: line.startswith('{"task"'),
            tell_lost=lambda count: _line({"missing": count}),
        )
        self._file.add([_line({"format": FORMAT})])
        self._thread = threading.Thread(target=self._write_on, name="record of tasks", daemon=True)
        self._thread.start()

    @property
    def are_written(self) -> bool:
        """Whether there is a file that they are written to."""
        return self._file is not None

    @property
    def launching(self) -> Attempt | None:
        """The attempt that this thread hands to an executor."""
        return getattr(self._thread_has, "attempt", None)

    def begin(self, record: Mapping[str, Any]) -> None:
        """Begin an attempt; an earlier one of the task has failed, and has not been the last.

        Args:
            record: Parsl's, of the task.
        """
        if self._file is None:
            return
        attempt = Attempt(record)
        self._thread_has.attempt = attempt
        with self._lock:
            earlier = self._open.get(attempt.task)
            if earlier is None:
                self._begun[attempt.app].append(attempt.task)
            else:
                earlier.result = earlier.result or FAILED
                self._ended.append((earlier, True))
            self._open[attempt.task] = attempt

    def failed(self, task: int, error: BaseException) -> None:
        """Say why an attempt has failed, if that was not said before."""
        attempt = self._open.get(task)
        if attempt is not None and attempt.reason is None:
            attempt.end = attempt.end or time.time()
            attempt.reason = (type(error).__name__, str(error)[:_MESSAGE_LENGTH])
            worker, host = getattr(error, "worker_id", None), getattr(error, "hostname", "")
            if attempt.place is None and host:
                attempt.place = self._place_at(attempt.executor, host, worker)

    def lost(self, loss: Loss, why: str) -> None:
        """Say that an attempt was lost with its node."""
        attempt = self._open.get(loss.task)
        if attempt is not None:
            attempt.result, attempt.reason = LOST, ("lost", why)
            now = time.time()
            attempt.measured(now - loss.seconds, now, (loss.block, "", "", loss.host, "", "", ""))

    def end(self, record: Mapping[str, Any], state: str, *, from_checkpoint: bool) -> None:
        """End the last attempt of a task.

        Args:
            record: Parsl's, of the task.
            state: Parsl's word for how it ended.
            from_checkpoint: whether the result was found in the checkpoint of an earlier run.
        """
        if self._file is None:
            return
        with self._lock:
            attempt = self._open.pop(record["id"], None) or Attempt(record)
            if not attempt.result:
                attempt.result = FROM_CHECKPOINT if from_checkpoint else _RESULTS[state]
            if attempt.end is None:
                attempt.end = time.time()
            self._ended.append((attempt, False))

    def close(self) -> None:
        """Write what is left, and end."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=10)
        self.flush()

    def flush(self) -> None:
        """Write what has happened since the last time."""
        with self._lock:
            begun, self._begun = self._begun, defaultdict(list)
            ended, self._ended = self._ended, []
            if self._file is None:
                return
            now = round(time.time(), 3)
            lines = [
                _line({"begun": _runs(numbers), "app": app, "time": now})
                for app, numbers in begun.items()
            ]
            for attempt, runs_again in ended:
                self._add(lines, attempt, runs_again=runs_again)
            self._file.add(lines)

    def _write_on(self) -> None:
        while not self._stop.wait(_SECONDS):
            self.flush()

    def _add(self, lines: list[str], attempt: Attempt, *, runs_again: bool) -> None:
        # written by hand: a run has as many of these as tasks
        parts = [f'{{"task":{attempt.task},"app":{_text(attempt.app)},"result":"{attempt.result}"']
        if attempt.submitted is not None:
            parts.append(f'"submitted":{attempt.submitted:.3f}')
        if attempt.launched is not None:
            parts.append(f'"launched":{attempt.launched:.3f}')
        if attempt.start is not None:
            parts.append(f'"start":{attempt.start:.3f}')
        if attempt.end is not None:
            parts.append(f'"end":{attempt.end:.3f}')
        if attempt.number:
            parts.append(f'"try":{attempt.number}')
        if runs_again:
            parts.append('"runs_again":true')
        if attempt.place is not None:
            parts.append(f'"worker":{self._place_of(attempt.place, lines)}')
        elif attempt.executor and attempt.result not in {FROM_CHECKPOINT, REMEMBERED}:
            parts.append(f'"executor":{_text(attempt.executor)}')
        if attempt.reason is not None:
            parts.append(f'"reason":{self._reason_of(attempt.reason, lines)}')
        lines.append(",".join(parts) + "}\n")

    def _place_of(self, place: _Place, lines: list[str]) -> int:
        number = self._places.get(place)
        if number is None:
            number = self._places[place] = len(self._places)
            known = zip(_PLACE, place, strict=True)
            lines.append(_line({"worker": number, **{name: each for name, each in known if each}}))
        return number

    def _place_at(self, executor: str, host: str, worker: object) -> _Place:
        for place in self._places:
            if (place[0], place[4], place[3]) == (executor, host, str(worker)):
                return place
        return (executor, "", "", "" if worker is None else str(worker), host, "", "", "")

    def _reason_of(self, reason: tuple[str, str], lines: list[str]) -> int:
        if len(self._reasons) >= _REASONS and reason not in self._reasons:
            reason = (reason[0][:_NAME_LENGTH], "")
        number = self._reasons.get(reason)
        if number is None:
            number = self._reasons[reason] = len(self._reasons)
            lines.append(_line({"reason": number, "error": reason[0], "message": reason[1]}))
        return number


_JSON = json.JSONEncoder(separators=(",", ":"))
_text = functools.lru_cache(maxsize=256)(_JSON.encode)


def _line(facts: dict[str, Any]) -> str:
    return f"{_JSON.encode(facts)}\n"


def _seconds(when: Any) -> float | None:
    return None if when is None else when.timestamp()


def _runs(numbers: list[int]) -> list[list[int]]:
    """Numbers as pairs of first and last."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found
