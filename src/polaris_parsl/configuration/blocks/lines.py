"""What a run says to its user: lines on standard error, of which there are never too many."""

import logging
import sys
import time
from collections import deque
from collections.abc import Callable

from polaris_parsl.text import printable

# So many lines a minute; Parsl's log has all of them.
_LINES, _SECONDS = 20, 60.0

_log = logging.getLogger("parsl.polaris_parsl")


class Lines:
    """The lines of a run.

    Args:
        clock: seconds that only go on.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lately: deque[float] = deque()
        self._left_out = 0

    def say(self, text: str) -> None:
        """Say something to the user, and to Parsl's log."""
        _log.warning(text)
        now = self._clock()
        while self._lately and self._lately[0] <= now - _SECONDS:
            self._lately.popleft()
        if len(self._lately) >= _LINES:
            self._left_out += 1
            return
        self._lately.append(now)
        if self._left_out:
            _write(f"{self._left_out} more lines are in parsl.log")
            self._left_out = 0
        _write(text)

    def log(self, text: str) -> None:
        """Say something to Parsl's log only."""
        _log.info(text)


def _write(text: str) -> None:
    try:
        sys.stderr.write(f"polaris_parsl: {printable(text)}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass  # a closed terminal; the log has it
