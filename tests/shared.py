"""What is made once for a whole run of the tests, whichever of its workers asks first."""

import fcntl
import pickle
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")


@dataclass(frozen=True)
class Shared:
    """The directory that all workers of a run have in common."""

    folder: Path

    def make(self, name: str, build: Callable[[Path], T]) -> T:
        """What `build` makes in a directory of this name: the first worker makes it, others wait.

        Where it fails, all fail with the words of the first, and none tries again.
        """
        place, kept = self.folder / name, self.folder / f"{name}.pickle"
        with _locked(self.folder / f"{name}.lock"):
            if not kept.exists():
                place.mkdir(exist_ok=True)
                kept.write_bytes(pickle.dumps(_attempt(build, place)))
        made, failure = pickle.loads(kept.read_bytes())
        if failure:
            pytest.fail(f"{name} could not be made:\n{failure}", pytrace=False)
        result: T = made
        return result


def _attempt(build: Callable[[Path], T], place: Path) -> tuple[T | None, str]:
    try:
        return build(place), ""
    except Exception:  # noqa: BLE001 (whatever it is, the other workers must learn of it)
        return None, traceback.format_exc()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that ends with its process, too."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
