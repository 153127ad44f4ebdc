"""The part of the daemon's event loop that its modules use."""

from collections.abc import Callable
from typing import Protocol


class EventLoop(Protocol):
    """Timers, ends of processes and readable files; all calls come from one thread."""

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call after so many seconds."""

    def when_ended(self, pid: int, call: Callable[[int], None]) -> None:
        """Call with the wait status when the process has ended."""

    def when_readable(self, fd: int, call: Callable[[], None]) -> None:
        """Call once when fd has data or its other end is closed."""

    def ignore(self, fd: int) -> None:
        """Cancel when_readable."""
