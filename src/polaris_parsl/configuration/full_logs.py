"""Parsl's log where it cannot be written, as on a full disk: said once, and no traceback for each of its lines."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path


def mind_full_disks(say: Callable[[str], None]) -> None:
    """Let Parsl's logs of this process say once that they cannot be written; the run goes on.

    Args:
        say: says something to the user.
    """
    for handler in logging.getLogger("parsl").handlers:
        if isinstance(handler, logging.FileHandler):
            handler.handleError = _Complaint(handler, say)  # type: ignore[method-assign]


class _Complaint:
    """What a log does in place of writing a line that cannot be written."""

    def __init__(self, handler: logging.FileHandler, say: Callable[[str], None]) -> None:
        self._path, self._say = Path(handler.baseFilename), say
        self._others = handler.handleError
        self._was_said = False

    def __call__(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            self._others(record)
        elif not self._was_said:
            self._was_said = True  # before: what is said goes to the log, too
            self._say(
                f"cannot write {self._path}: {error.strerror}; the run goes on, and what it can no longer "
                "write, as checkpoints, the next run computes again"
            )
