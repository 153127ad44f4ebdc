"""Results of earlier runs, looked up one by one; none is kept in memory that nobody asks for."""

import contextlib
import os
import pickle
import threading
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct
from typing import Any

from polaris_parsl.configuration.checkpoints import app_code, keys
from polaris_parsl.configuration.checkpoints.entries import (
    UNKNOWN_CODE,
    Entry,
    Index,
    Key,
    index_from,
    look_at_rest,
)
from polaris_parsl.configuration.checkpoints.results_file import CHECKPOINT, INDEX
from polaris_parsl.configuration.own_files import NotOwnError, open_own

# Indexes that belong to no run, in the directory of all runs.
_FOLDER = "polaris_parsl"
# An entry with the number of its run before the place, so that the newest of equal ones is last.
_ROW = Struct(f">{keys.SIZE}s{app_code.SIZE}sIQQI")


@dataclass(frozen=True)
class Found:
    """A result of an earlier run."""

    run: str
    result: Any


@dataclass
class Problems:
    """What was seen of earlier runs.

    Attributes:
        not_own: what somebody else could have written; nothing of it was read.
        damaged: checkpoints, with what is wrong; the next run does not report them again.
        without_code: runs whose results do not say of which code they are.
    """

    not_own: list[NotOwnError] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    without_code: list[str] = field(default_factory=list)


class EarlierRuns:
    """The checkpoints of all runs that lie beside this one.

    Args:
        run: directory of this run, as runinfo/007; all that lie beside it with a number are earlier.
        takes_unknown_code: whether results are wanted that do not say of which code they are.
    """

    def __init__(self, run: Path, *, takes_unknown_code: bool) -> None:
        self._folder = run.parent
        self._takes_unknown_code = takes_unknown_code
        self._lock = threading.Lock()
        self._opened: tuple[str, int] | None = None
        self.problems = Problems()
        self._runs = _runs_beside(run)
        rows: list[bytes] = []
        for number, name in enumerate(self._runs):
            index = self._index_of(name)
            rows += [
                _ROW.pack(each.call, each.code, number, each.offset, each.length, each.checksum)
                for each in index.each()
            ]
        rows.sort()
        self._rows = b"".join(rows)

    @property
    def count(self) -> int:
        """How many results there are."""
        return len(self._rows) // _ROW.size

    def codes_of(self, call: bytes) -> list[bytes]:
        """The codes that an app had when it gave results of the same call."""
        return sorted({code for code, _, _ in self._places(call)})

    def find(self, key: Key) -> Found | None:
        """The newest result with this key that can be read.

        Raises:
            ResultError: there is one, and it cannot be read.
        """
        error = None
        for code, run, entry in reversed(list(self._places(key.call))):
            if code != key.code:
                continue
            try:
                return Found(run, self._read(run, entry))
            except ResultError as problem:
                error = problem
        if error:
            raise error
        return None

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            if self._opened:
                os.close(self._opened[1])
            self._opened = None

    def _places(self, call: bytes) -> Iterator[tuple[bytes, str, Entry]]:
        size = _ROW.size
        at = bisect_left(
            range(self.count),
            call,
            key=lambda number: self._rows[number * size : number * size + keys.SIZE],
        )
        while at < self.count:
            row, code, run, *place = _ROW.unpack_from(self._rows, at * size)
            if row != call:
                return
            yield code, self._runs[run], Entry(row, code, *place)
            at += 1

    def _read(self, run: str, entry: Entry) -> Any:
        path = self._folder.joinpath(run, *CHECKPOINT)
        try:
            with self._lock:
                content = self._bytes_of(run, entry)
            is_whole = zlib.crc32(content) == entry.checksum
            record = pickle.loads(content) if is_whole else {"hash": ""}
        except Exception as error:  # a pickle raises anything
            raise ResultError(path, f"{type(error).__name__}: {error}") from error
        if record["hash"] != str(Key(entry.call, entry.code)):
            raise ResultError(path, "it has changed since it was written, or a part of it is lost")
        return record["result"]

    def _bytes_of(self, run: str, entry: Entry) -> bytes:
        if self._opened is None or self._opened[0] != run:
            if self._opened:
                os.close(self._opened[1])
                self._opened = None
            self._opened = run, open_own(self._folder, run, *CHECKPOINT)
        parts, at, left = [], entry.offset, entry.length
        # one call reads 2 GiB at most
        while left and (part := os.pread(self._opened[1], left, at)):
            parts.append(part)
            at, left = at + len(part), left - len(part)
        return b"".join(parts)

    def _index_of(self, run: str) -> Index:
        """What is known of the checkpoint of a run; looked at where nobody has, and written down."""
        try:
            number = open_own(self._folder, run, *CHECKPOINT)
        except NotOwnError as error:
            self.problems.not_own.append(error)
            return Index(bytearray())
        except OSError as error:
            # A driver that was killed early leaves the folder without the file.
            if not isinstance(error, FileNotFoundError):
                self.problems.damaged.append(f"{self._folder / run}: {error.strerror}")
            return Index(bytearray())
        with os.fdopen(number, "rb") as checkpoint:
            size = os.fstat(number).st_size
            of_run, of_ours = (
                index_from(self._content(self._folder, *names))
                for names in ((run, *INDEX), (_FOLDER, f"{run}.index"))
            )
            index = max(of_run, of_ours, key=lambda each: each.looked_at)
            index.damaged_at = of_ours.damaged_at
            if size < index.looked_at:
                index.cut(size)
            if size <= index.looked_at or size == index.damaged_at:
                return index
            if not len(index) and not self._takes_unknown_code:
                first = Index(bytearray())
                if not look_at_rest(first, checkpoint, most=1) and all(
                    each.code == UNKNOWN_CODE for each in first.each()
                ):
                    self.problems.without_code.append(run)
                    return index
            self._look_at_rest(run, index, checkpoint, size)
            return index

    def _look_at_rest(self, run: str, index: Index, checkpoint: Any, size: int) -> None:
        problem = look_at_rest(index, checkpoint)
        if problem:
            index.damaged_at = size
            path = self._folder.joinpath(run, *CHECKPOINT)
            self.problems.damaged.append(f"{path}: {problem}; {len(index)} whole results are used")
        with contextlib.suppress(OSError, NotOwnError):
            _replace(self._folder / _FOLDER, f"{run}.index", index.as_bytes())

    def _content(self, folder: Path, *names: str) -> bytes:
        """An index; empty where there is none that is ours."""
        try:
            with os.fdopen(open_own(folder, *names), "rb") as file:
                return file.read()
        except (OSError, NotOwnError):
            return b""


class ResultError(Exception):
    """A result of an earlier run cannot be read."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")


def _runs_beside(run: Path) -> list[str]:
    names = (each.name for each in os.scandir(run.parent) if each.name != run.name)
    # Parsl's own pattern is [0-9]*[0-9], of which it makes whole numbers
    return sorted((name for name in names if name.isdecimal()), key=int)


def _replace(folder: Path, name: str, content: bytes) -> None:
    """Write a file of ours as a whole, or not at all; others may do the same at once."""
    folder.mkdir(mode=0o700, exist_ok=True)
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(number).st_uid != os.geteuid():
            return
        draft = f".{name}.{os.getpid()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(draft, flags, 0o600, dir_fd=number), "wb") as file:
            file.write(content)
        os.rename(draft, name, src_dir_fd=number, dst_dir_fd=number)
    finally:
        os.close(number)
