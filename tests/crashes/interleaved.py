"""A program: a change of a prefix that stops before one of its operations, while another is made.

    python interleaved.py FOLDER

For each two changes and each operation on files of the first, the other one is made by another
process before that operation, on a copy of a prefix, FOLDER/CHANGE/OTHER/N. From then on it looks,
before each operation that follows, at what users would meet. Prints as JSON how many times the
other came in between, and what was wrong, a line each.
"""

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import kills
from polaris_parsl.env.prefix.announce import announce
from polaris_parsl.env.prefix.lifecycle import set_default
from polaris_parsl.env.prefix.releases import find_releases
from polaris_parsl.env.prefix.state import read_state
from polaris_parsl.env.prefix.sweep import litter
from polaris_parsl.errors import PolarisParslError

_OTHER = "2026.9.1"
OTHERS: dict[str, Callable[[Path], object]] = {
    "install": lambda prefix: kills.install(prefix, _OTHER),
    "default": lambda prefix: set_default(prefix, kills.OLD, dry_run=False),
    "remove": kills.CHANGES["remove"][1],
}


def make(change: Callable[[Path], object], prefix: Path) -> None:
    """Make a change; it may be refused."""
    with suppress(PolarisParslError):
        change(prefix)


def wrong(prefix: Path, shown: set[Path]) -> str:
    """What users would meet that must not be; "" where nothing is wrong.

    Args:
        prefix: of the install.
        shown: the modulefiles that were there before; all stay whose version stays.
    """
    names = [each.name for each in find_releases(prefix, read_state(prefix))]
    try:
        # where all versions are being removed, there is none to load
        if names:
            kills.look(prefix)
    except (AssertionError, PolarisParslError) as error:
        return f"a load without a version fails: {error}"
    lost = [str(each) for each in shown if each.stem in names and not each.is_file()]
    return f"lost: {' '.join(lost)}" if lost else ""


def interleave(change: str, other: str, prefix: Path, *, at: int) -> str | None:
    """Make both; what was wrong, "" for nothing, None where the change has no such operation."""
    told: list[str] = []
    shown: set[Path] = set()
    operations = 0

    def between(operation: str) -> None:
        nonlocal operations
        operations += 1
        if operations == at:
            child = os.fork()
            if child == 0:
                # watched as well
                make(OTHERS[other], prefix)
                print(*told[:1], end="", file=sys.stderr)
                os._exit(bool(told))
            _, status = os.waitpid(child, 0)
            if status:
                told.append(f"{other} ended with {status}")
            shown.update(prefix.glob("modulefiles/*/[!.]*.lua"))
        if operations >= at and (problem := wrong(prefix, shown)):
            told.append(f"before {operation}: {problem}")

    kills.watch(between)
    make(kills.CHANGES[change][1], prefix)
    if operations < at:
        return None
    operations = at
    if list(litter(prefix)) or announce(prefix):
        told.append("not settled at the end")
    return told[0] if told else ""


def interleave_everywhere(change: str, other: str, folder: Path) -> tuple[int, list[str]]:
    """Let one change come in between before each operation of another; how often, what was wrong."""
    kills.CHANGES[change][0](folder / "before")
    problems: list[str] = []
    for at in range(1, sys.maxsize):
        prefix = kills.copy(folder / "before", folder / str(at))
        read, write = os.pipe()
        if os.fork() == 0:
            told = interleave(change, other, prefix, at=at)
            os.write(write, json.dumps(told).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as stream:
            told = json.load(stream)
        os.wait()
        if told is None:
            return at - 1, problems
        if told:
            problems.append(f"{change}, {other} in between before operation {at}: {told}")
    raise AssertionError("endless")


if __name__ == "__main__":
    kills.alone()
    os.fsync = lambda _: None
    counts, found = {}, []
    for first in kills.CHANGES:
        for second in OTHERS:
            place = Path(sys.argv[1]) / first / second
            place.mkdir(parents=True)
            counts[f"{first}, {second}"], problems = interleave_everywhere(first, second, place)
            found += problems
    print(json.dumps({"counts": counts, "found": found}))
