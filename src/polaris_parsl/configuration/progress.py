"""`polaris_parsl.progress`: shows how far tasks are, for scripts and notebooks; standard library only."""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, TextIO

from polaris_parsl.errors import OptionError

_BAR = 30
# A bar is drawn again so often; a plain line is written at each tenth, and at most so often.
_DRAW_SECONDS, _LINE_SECONDS = 0.5, 10.0


def progress(
    futures: Iterable["Future[Any]"],
    *,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Sequence["Future[Any]"]:
    """Wait until tasks have ended, and show how far they are.

    In a terminal it draws a bar; elsewhere, as in a notebook or a job, it writes plain lines, some ten in
    all. A task that fails is counted, and raises nothing here.

    Args:
        futures: what apps have returned.
        stream: to write to; standard error by default.
        clock: seconds that only go on.

    Returns:
        The futures, in their order; all have ended.

    Raises:
        OptionError: something among them is no future.
    """
    listed = list(futures)
    for each in listed:
        if not isinstance(each, Future):
            raise OptionError(
                f"progress takes futures, and got {type(each).__name__}",
                remedy="pass what apps return: progress([app(x) for x in inputs])",
            )
    shown = _Shown(len(listed), stream or sys.stderr, clock)
    for each in listed:
        each.add_done_callback(shown.count)
    shown.wait()
    return listed


class _Shown:
    """What is shown of tasks, while they end."""

    def __init__(self, count: int, stream: TextIO, clock: Callable[[], float]) -> None:
        self._all, self._stream, self._clock = count, stream, clock
        self._done = self._failed = 0
        self._ended = threading.Condition()
        self._began = self._last_line = clock()
        self._last_tenth = 0
        self._is_terminal = stream.isatty()

    def count(self, future: "Future[Any]") -> None:
        """Count a task that has ended."""
        failed = future.cancelled() or future.exception() is not None
        with self._ended:
            self._done += 1
            self._failed += failed
            if self._done == self._all:
                self._ended.notify_all()

    def wait(self) -> None:
        """Show what there is until all have ended."""
        while True:
            with self._ended:
                if self._done < self._all:
                    self._ended.wait(_DRAW_SECONDS)
                is_over = self._done == self._all
            self._show(is_over=is_over)
            if is_over:
                return

    def _show(self, *, is_over: bool) -> None:
        if self._is_terminal:
            filled = _BAR * self._done // max(1, self._all)
            bar = "#" * filled + "." * (_BAR - filled)
            self._write(f"\r[{bar}] {self._words()}\x1b[K" + ("\n" if is_over else ""))
            return
        now, tenth = self._clock(), 10 * self._done // max(1, self._all)
        if is_over or (tenth > self._last_tenth and now >= self._last_line + _LINE_SECONDS):
            self._last_tenth, self._last_line = tenth, now
            self._write(f"{self._words()}\n")

    def _words(self) -> str:
        seconds = max(1e-9, self._clock() - self._began)
        rate = self._done / seconds
        words = f"{self._done} of {self._all} tasks"
        words += f", {self._failed} failed" if self._failed else ""
        if self._done == self._all:
            return f"{words}, in {_duration(seconds)}"
        left = (self._all - self._done) / rate if rate else None
        return f"{words}, {rate:.1f} a second" + (f", {_duration(left)} left" if left else "")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            pass  # a closed terminal: the tasks go on


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
