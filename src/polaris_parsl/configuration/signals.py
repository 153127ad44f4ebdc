"""Signals that end a driver: they end it as an exception does, so that its jobs are deleted."""

import signal
import threading
from types import FrameType
from typing import NoReturn

# Sent by `kill`, by PBS and at a shutdown of the machine; and when the terminal is closed.
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
# What a shell shows for a process that a signal has killed is more by the signal's number.
_KILLED = 128


def end_in_order() -> None:
    """Let these signals raise SystemExit, unless the program or `nohup` has set them otherwise."""
    if threading.current_thread() is not threading.main_thread():
        return
    for each in _SIGNALS:
        if signal.getsignal(each) is signal.SIG_DFL:
            signal.signal(each, _end)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    # the same signal once more kills as it always did
    signal.signal(number, signal.SIG_DFL)
    raise SystemExit(_KILLED + number)
