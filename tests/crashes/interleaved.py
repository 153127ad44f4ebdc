"""A program: a change of a prefix that stops before one of its operations, while another is made.

    python interleaved.py FOLDER STEP

For each two changes and each operation on files of the first, the other one is made by another
process before that operation, on a copy of a prefix, FOLDER/CHANGE/OTHER/N. From then on it looks,
before each operation that follows, at what users would meet. With a STEP of 3 each operation is
interrupted by one of the three others, with a STEP of 1 by each of them, with a STEP of 9 each third by
one. Prints as JSON how many times the other came in between, and what was wrong, a line each.
"""

import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import kills
from polaris_parsl.env.prefix.cleanup import find_removable
from polaris_parsl.env.prefix.lifecycle import set_default
from polaris_parsl.env.prefix.publish_modulefiles import publish_modulefiles
from polaris_parsl.env.prefix.releases import find_releases
from polaris_parsl.env.prefix.state import read_state
from polaris_parsl.errors import PolarisParslError
from polaris_parsl.installs import REMOVED, STAGING

_OTHER = "2026.9.1"
_UNSEEN = (STAGING, REMOVED)
# the prefix that is copied for each run, beside the others' directories
BEFORE = "before"
OTHERS: dict[str, Callable[[Path], object]] = {
    "install": lambda prefix: kills.install(prefix, _OTHER),
    "default": lambda prefix: set_default(prefix, kills.OLD, dry_run=False),
    "remove": kills.CHANGES["remove"][1],
}


def make(change: Callable[[Path], object], prefix: Path) -> None:
    """Make a change; it may be refused."""
    with suppress(PolarisParslError):
        change(prefix)


def visible(prefix: Path) -> set[tuple[str, int]]:
    """What loads depend on: names and inodes of modulefiles, versions and generations."""
    folders = [prefix / name for name in ("modulefiles/polaris-parsl", "versions", "state")]
    entries = (entry for folder in folders if folder.is_dir() for entry in os.scandir(folder))
    return {(each.path, each.inode()) for each in entries if not each.name.startswith(_UNSEEN)}


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
    """Make both; what was wrong, "" for nothing, None if the change has no such operation."""
    problems: list[str] = []
    shown: set[Path] = set()
    seen: set[tuple[str, int]] = set()
    operations = 0

    def between(operation: str) -> None:
        nonlocal operations, seen
        operations += 1
        if operations == at:
            child = os.fork()
            if child == 0:
                # watched as well
                make(OTHERS[other], prefix)
                print(*problems[:1], end="", file=sys.stderr)
                os._exit(bool(problems))
            _, status = os.waitpid(child, 0)
            if status:
                problems.append(f"{other} ended with {status}")
            shown.update(prefix.glob("modulefiles/*/[!.]*.lua"))
        if operations < at or seen == (now := visible(prefix)):
            return
        seen = now
        if problem := wrong(prefix, shown):
            problems.append(f"before {operation}: {problem}")

    kills.watch(between)
    make(kills.CHANGES[change][1], prefix)
    if operations < at:
        return None
    operations = at
    if list(find_removable(prefix)) or publish_modulefiles(prefix):
        problems.append("not settled at the end")
    return problems[0] if problems else ""


def interleave_everywhere(change: str, other: str, folder: Path, *, step: int) -> Iterator[str]:
    """Let one change come in between before operations of another; each time, what was wrong."""
    for at in itertools.count(1 + list(OTHERS).index(other) * step // len(OTHERS), step):
        prefix = kills.copy(folder.parent / BEFORE, folder / str(at))
        read, write = os.pipe()
        if os.fork() == 0:
            # what watches cannot be taken off a process again
            os.write(write, json.dumps(interleave(change, other, prefix, at=at)).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as stream:
            problem = json.load(stream)
        os.wait()
        if problem is None:
            return
        yield problem


if __name__ == "__main__":
    kills.alone()
    os.fsync = lambda fd: None  # noqa: ARG005
    # no process that is forked compiles templates again
    kills.filled(Path(sys.argv[1]) / "first")
    counts, found = {}, []
    for first, (prepare, _) in kills.CHANGES.items():
        folder = Path(sys.argv[1]) / first
        folder.mkdir()
        prepare(folder / BEFORE)
        for second in OTHERS:
            (folder / second).mkdir()
            seen = list(
                interleave_everywhere(first, second, folder / second, step=int(sys.argv[2]))
            )
            name = f"{first}, {second} in between"
            counts[name] = len(seen)
            found += [
                f"{name}, look {number}: {problem}"
                for number, problem in enumerate(seen, 1)
                if problem
            ]
    print(json.dumps({"counts": counts, "found": found}))
