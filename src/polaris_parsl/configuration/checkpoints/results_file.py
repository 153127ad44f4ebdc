"""The checkpoint that a run writes: each result as its task ends, and where it is."""

import os
import pickle
import threading
import zlib
from pathlib import Path
from typing import Any

from polaris_parsl.configuration.checkpoints.entries import Entry, Key, header
from polaris_parsl.configuration.own_files import close_to_others

CHECKPOINT = ("checkpoint", "tasks.pkl")
INDEX = ("checkpoint", "tasks.index")


class ResultsFile:
    """Writes results in Parsl's format, and the index by which later runs find them.

    A kill at any moment leaves all results but the one that is being written; what the index does not
    have yet is found in the checkpoint. Both are made when the first result is there.
    """

    def __init__(self, run: Path) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._end = 0
        self._files: tuple[int, int] | None = None

    def add(self, key: Key, result: Any) -> None:
        """Add a result.

        Raises:
            OSError: it cannot be written; the next one is tried again.
            Exception: it cannot be pickled.
        """
        with self._lock:
            if self._files is None:
                self._files = self._make()
            results, index = self._files
            begin, known = self._end, os.fstat(index).st_size
            counted = _Counted(results)
            try:
                record = {"hash": str(key), "exception": None, "result": result}
                pickle.dump(record, counted)
                _write(index, Entry(*key, begin, counted.length, counted.checksum).as_bytes())
            except BaseException:
                # no part of it stays, so that what follows can be read
                os.ftruncate(results, begin)
                os.ftruncate(index, known)
                raise
            self._end += counted.length

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            for number in self._files or ():
                os.close(number)
            self._files = None

    def _make(self) -> tuple[int, int]:
        folder = self._run / CHECKPOINT[0]
        folder.mkdir(exist_ok=True)
        for each in (self._run, folder):
            close_to_others(each)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        results = os.open(folder / CHECKPOINT[1], flags, 0o644)
        try:
            index = os.open(folder / INDEX[1], flags, 0o644)
            # closed before, by a driver that shut Parsl down and still had a result
            self._end = os.fstat(results).st_size
            if os.fstat(index).st_size == 0:
                _write(index, header())
        except BaseException:
            os.close(results)
            raise
        return results, index


class _Counted:
    """What pickle writes into: a file, with length and CRC of what went there."""

    def __init__(self, file: int) -> None:
        self._file = file
        self.length = self.checksum = 0

    def write(self, data: bytes) -> int:
        """Write all of it."""
        _write(self._file, data)
        size = memoryview(data).nbytes
        self.length, self.checksum = self.length + size, zlib.crc32(data, self.checksum)
        return size


def _write(file: int, data: bytes) -> None:
    left = memoryview(data).cast("B")
    while left:
        left = left[os.write(file, left) :]
