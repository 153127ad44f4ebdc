"""What a kill before each operation on files of a change leaves of a prefix.

Run as a program, `python kills.py FOLDER`: each change is made once, and before its N-th
operation the prefix is copied to FOLDER/CHANGE/N, if the operation before altered anything.
Then `python kills.py FOLDER STEP` kills a process indeed, before each STEP-th operation, which
leaves FOLDER/CHANGE/killed-STEP/N: a test shows that it is like the copy. The product knows
nothing of it: Python's audit events tell of the operations, and fsync, which has none, is counted
in its stead.
"""

import json
import os
import re
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import builder
from polaris_parsl.env.prefix import removal, usage
from polaris_parsl.env.prefix.bases import claimed, new_base
from polaris_parsl.env.prefix.cleanup import clean_up
from polaris_parsl.env.prefix.lifecycle import deprecate, publish, roll_back, set_default
from polaris_parsl.env.prefix.publish import staging
from polaris_parsl.env.prefix.repair import repair
from polaris_parsl.env.prefix.staging import staging_name
from polaris_parsl.env.prefix.state import Deprecation, commit
from polaris_parsl.env.prefix.verify import verify_files, verify_locked_base
from polaris_parsl.env.receipt import read_receipt
from polaris_parsl.installs import base_root

# once, before any of the processes is forked that render modulefiles
import_module("jinja2")

OLD, USUAL, CANDIDATE = "2026.8.0", "2026.9.0", "2026.10.0rc1"
NEW, NEW_CANDIDATE = "2026.10.0", "2026.11.0rc1"
LOCKED = "2026.8.0-locked"
KEY = "0123456789abcdef"
NOTICE = Deprecation(date(2999, 12, 31), "a newer Parsl")
OPERATIONS = "operations.json"
TODAY = date(2026, 11, 24)
REMOVE: dict[str, Any] = {"force": False, "dry_run": False, "env": {"PATH": "/nowhere"}}

# Python's audit events of what changes files; "open" counts where it may write.
_EVENTS = frozenset(
    f"os.{name}"
    for name in (
        "chmod", "chown", "link", "mkdir", "posix_spawn", "remove", "rename", "rmdir", "setxattr",
        "symlink", "truncate", "utime",
    )
) | {"subprocess.Popen"}  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def install(prefix: Path, name: str) -> None:
    """What `install` does, with four small files for what it builds."""
    clean_up(prefix)
    with staging(prefix, name, group=None) as folder:
        builder.small_release(prefix, name, folder=folder)
        publish(prefix, folder, name, check=lambda: None)


def install_locked(prefix: Path, name: str) -> None:
    """The same on the locked base, which it makes if there is none yet."""
    clean_up(prefix)
    with staging(prefix, name, group=None) as folder, claimed(prefix, KEY, group=None) as root:
        if not root.is_dir():
            with new_base(root, top=prefix, group=None) as base:
                builder.small_base(base, root)
        builder.small_release(prefix, name, folder=folder, locked_base=KEY)
        publish(prefix, folder, name, check=lambda: None)


def filled_locked(prefix: Path) -> None:
    """Three versions, of which one is on the locked base."""
    filled(prefix)
    install_locked(prefix, LOCKED)


def filled(prefix: Path) -> None:
    """Two usual versions and a pre-release; the newer usual one is the default."""
    for name in (OLD, USUAL, CANDIDATE):
        install(prefix, name)


def damaged(prefix: Path) -> None:
    """What killed commands leave: of an install, of two removals, and lost modulefiles."""
    filled(prefix)
    # as if another process had had our number before
    dead = staging_name("2026.7.0").rpartition(".")[0] + ".1"
    for name in (dead, staging_name("2026.6.0", kind=".removed-")):
        builder.small_release(prefix, "2026.7.0", folder=prefix / "versions" / name)
    commit(prefix, "half", lambda state: replace(state, withdrawn=frozenset({OLD})))
    (prefix / f"modulefiles/polaris-parsl/{CANDIDATE}.lua").unlink()


# What makes the prefix, and what changes it.
CHANGES: dict[str, tuple[Callable[[Path], object], Callable[[Path], object]]] = {
    "install, the first": (lambda prefix: prefix.mkdir(), lambda prefix: install(prefix, OLD)),
    "install": (filled, lambda prefix: install(prefix, NEW)),
    "install, a pre-release": (filled, lambda prefix: install(prefix, NEW_CANDIDATE)),
    "install, on the locked base": (filled, lambda prefix: install_locked(prefix, NEW)),
    "remove, from the locked base": (
        filled_locked,
        lambda prefix: removal.remove(prefix, LOCKED, **REMOVE),
    ),
    "default": (filled, lambda prefix: set_default(prefix, OLD, dry_run=False)),
    "rollback": (filled, lambda prefix: roll_back(prefix, dry_run=False)),
    "deprecate": (
        filled,
        lambda prefix: deprecate(prefix, OLD, NOTICE, today=TODAY, dry_run=False),
    ),
    "remove": (filled, lambda prefix: removal.remove(prefix, OLD, **REMOVE)),
    "remove --all": (filled, lambda prefix: removal.remove_all(prefix, **REMOVE)),
    "repair": (damaged, lambda prefix: repair(prefix, dry_run=False)),
}


def is_complete(root: Path) -> bool:
    """Whether every file of a version, and of its locked base, is as the receipts say."""
    receipt = read_receipt(root)
    found = list(verify_files(root, receipt, every_file=True))
    if receipt.locked_base:
        found += verify_locked_base(base_root(root.parents[1], receipt.locked_base))
    return not found


def look(prefix: Path) -> int:
    """What a load would meet: the default has a modulefile and a complete tree. Counts them."""
    seen = 0
    for path in prefix.glob("modulefiles/polaris-parsl/.modulerc.lua"):
        for name in re.findall(r'"polaris-parsl/(\S+)", "default"', path.read_text()):
            assert (path.parent / f"{name}.lua").is_file(), name
            root = prefix / "versions" / name
            assert is_complete(root)
            seen += 1
    return seen


def copy(template: Path, prefix: Path) -> Path:
    """A copy of a prefix whose modulefiles name the copy."""
    shutil.copytree(template, prefix, symlinks=True)
    for path in prefix.glob("modulefiles*/*/*"):
        path.write_text(path.read_text().replace(str(template), str(prefix)))
    return prefix


def watch(call: Callable[[str], None]) -> None:
    """From now on, call before each operation of this process that changes files."""

    real, opened_in = os.open, threading.local()

    def open_in(*words: Any, dir_fd: int | None = None, **more: Any) -> int:
        opened_in.folder = dir_fd  # of which the event does not tell
        return real(*words, dir_fd=dir_fd, **more)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        may_write = event == "open" and not isinstance(arguments[0], int) and arguments[2] & _WRITES
        if may_write or event in _EVENTS:
            paths = [each for each in arguments if isinstance(each, str | bytes | os.PathLike)]
            folders: list[Any] = list(arguments[-len(paths) or len(arguments) :])
            if event == "open":
                folders = [getattr(opened_in, "folder", None)]
            elif event == "os.chmod" and not paths:
                paths, folders = [""], [arguments[0]]
            call(" ".join((event, *map(_whole, paths, folders))))

    os.open = open_in
    os.fsync = lambda fd: call(f"fsync {Path(f'/proc/self/fd/{fd}').readlink()}")
    sys.addaudithook(audit)


def _whole(path: Any, folder: object) -> str:
    """A path in full, if it starts from the directory of a descriptor."""
    name = re.sub(
        r"^/proc/\d+/fd/\d+", lambda found: str(Path(found[0]).readlink()), os.fsdecode(path)
    )
    if isinstance(folder, int) and folder >= 0 and not name.startswith("/"):
        return f"{Path(f'/proc/self/fd/{folder}').readlink()}/{name}".rstrip("/")
    return name


def count_operations(prefix: Path, call: Callable[[int], None]) -> list[str]:
    """From now on list the operations of this process; call before each, with its number."""
    seen: list[str] = []
    is_calling = False

    def count(operation: str) -> None:
        nonlocal is_calling
        if not is_calling:
            seen.append(re.sub(r"@\S+", "@", operation.replace(f"{prefix}/", "")))
            is_calling = True
            call(len(seen))
            is_calling = False

    watch(count)
    return seen


def alone(patch: Callable[..., None] = setattr) -> None:
    """See no process of this machine as a user of a version: they are another test's matter."""
    patch(usage, "_processes", lambda *_: ([], [], 0))


def copy_everywhere(name: str, folder: Path) -> None:
    """Make a change; copy the prefix before each of its operations, and at its end."""
    prepare, change = CHANGES[name]
    prepare(folder / "before")
    prefix = copy(folder / "before", folder / "now")
    copies: list[int] = []
    entries: list[tuple[object, ...]] = []

    def keep(number: int) -> None:
        nonlocal entries
        if is_new := entries != (now := _entries(prefix)):
            entries = now
            _copy_if_there(prefix, folder / str(number))
        copies.append(number if is_new else copies[-1])

    def make() -> None:
        operations = count_operations(prefix, keep)
        change(prefix)
        record = json.dumps({"operations": operations, "copies": copies})
        (folder / OPERATIONS).write_text(record)

    assert _forked(make) == 0, name
    _copy_if_there(prefix, folder / "end")


def _copy_if_there(prefix: Path, target: Path) -> None:
    """Copy a prefix; a change of all may end with none."""
    if prefix.exists():
        copy(prefix, target)


def kill_everywhere(name: str, folder: Path, *, step: int) -> None:
    """Kill a change before each of its operations, or each tenth: what that leaves is in killed-STEP."""
    operations = json.loads((folder / OPERATIONS).read_text())["operations"]
    for number in range(1, len(operations) + 1, step):
        _kill(name, copy(folder / "before", folder / f"killed-{step}" / str(number)), number)


def _kill(name: str, prefix: Path, at: int) -> None:
    def end(number: int) -> None:
        if number == at:
            os.kill(os.getpid(), signal.SIGKILL)

    def make() -> None:
        count_operations(prefix, end)
        CHANGES[name][1](prefix)

    assert _forked(make) == signal.SIGKILL, f"{name} came to its end"


def _forked(call: Callable[[], None]) -> int:
    """Call in a process of its own: what watches cannot be taken off a process again."""
    child = os.fork()
    if child == 0:
        call()
        os._exit(0)
    return os.waitpid(child, 0)[1]


def _entries(prefix: Path) -> list[tuple[object, ...]]:
    """What changes with every file that is made, written, renamed, deleted or gets another mode."""
    found: list[tuple[object, ...]] = []
    for folder, _, files in os.walk(prefix):
        for path in (folder, *(f"{folder}/{each}" for each in files)):
            status = os.lstat(path)
            entry = (path, status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns)
            found.append(entry)
    return found


if __name__ == "__main__":
    alone()
    # what is written is there for the living also without it
    os.fsync = lambda fd: None  # noqa: ARG005
    for each in CHANGES:
        own = Path(sys.argv[1]) / each
        if sys.argv[2:]:
            kill_everywhere(each, own, step=int(sys.argv[2]))
        else:
            own.mkdir()
            copy_everywhere(each, own)
