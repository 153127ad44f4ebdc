"""A file of a run's record: lines are added, and wait in memory while the disk takes none."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from polaris_parsl.configuration.own_files import close_to_others

# So many lines wait at most; of those that may be lost, no more are kept.
_WAITING = 20_000


class RecordFile:
    """Adds lines to a file, in their order.

    While it cannot be written, as on a full disk, the run goes on: `complain` is called once, and
    the lines wait. Those that wait are written before the next ones.

    Args:
        path: of the file.
        make: what must be there before the file is; called until it raises nothing.
        complain: called when the file cannot be written.
        may_lose: whether a line may be lost when too many wait; else it is kept.
        tell_lost: makes the line that says how many lines are lost.
    """

    def __init__(
        self,
        path: Path,
        *,
        make: Callable[[], None] = lambda: None,
        complain: Callable[[OSError], None],
        may_lose: Callable[[str], bool],
        tell_lost: Callable[[int], str],
    ) -> None:
        self.path = path
        self._make, self._complain = make, complain
        self._may_lose, self._tell_lost = may_lose, tell_lost
        self._is_made = self._was_said = False
        self._waiting: list[str] = []
        self._lost = 0

    def add(self, lines: Sequence[str]) -> None:
        """Add lines, after those that wait; without any, try to write those that wait."""
        if not lines and not self._waiting:
            return
        for line in lines:
            if len(self._waiting) >= _WAITING and self._may_lose(line):
                self._lost += 1
            else:
                self._waiting.append(line)
        last = [self._tell_lost(self._lost)] if self._lost else []
        try:
            if not self._is_made:
                self._make()
                self._is_made = True
            _append(self.path, "".join([*self._waiting, *last]).encode())
        except OSError as error:
            if not self._was_said:
                self._was_said = True
                self._complain(error)
        else:
            self._waiting, self._lost = [], 0


def _append(path: Path, data: bytes) -> None:
    """Write all or nothing, so that each line is there as a whole, or is the last."""
    with path.open("ab", buffering=0) as stream:
        end = os.fstat(stream.fileno()).st_size
        if not end:
            # the next run deletes jobs by what it reads there
            close_to_others(path)
        written = 0
        try:
            while written < len(data):
                written += stream.write(data[written:])
        except OSError:
            os.ftruncate(stream.fileno(), end)
            raise
