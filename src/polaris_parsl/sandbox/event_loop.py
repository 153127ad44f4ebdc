"""What the parts of the keeper need from it."""

from collections.abc import Callable
from typing import Protocol


class Keeper(Protocol):
    """Time and the ends of processes; all calls come from one thread."""

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call after so many seconds."""

    def when_ended(self, pid: int, call: Callable[[int], None]) -> None:
        """Call with the wait status when the process has ended."""

    def when_readable(self, fd: int, call: Callable[[], None]) -> None:
        """Call once when there is something to read, or the other side has gone."""

    def ignore(self, fd: int) -> None:
        """Take back when_readable."""
