"""The script that runs, and the commit that it belongs to, for the record of a run.

git is not started: what its settings name would run, and a node may have none.
"""

import os
import re
import sys
from pathlib import Path

from polaris_parsl.files import read_regular

_BYTES_MAX = 4 << 20
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def running_script() -> Path | None:
    """The file that Python was started with; None if it is none, as in a notebook."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    try:
        path = Path(main).absolute() if main else None
        is_script = path is not None and path.is_file() and path.stat().st_size <= _BYTES_MAX
    except OSError:
        return None
    return path if is_script else None


def commit_of(folder: Path) -> str | None:
    """The commit that is checked out where a directory lies; None if git does not keep it."""
    try:
        top = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
        owners = {0, os.geteuid(), folder.stat().st_uid}
        # whoever owns the script's directory decides what it is; above it, for instance in /tmp,
        # a stranger may have put a repository, which git would refuse
        if top is None or (top / ".git").stat().st_uid not in owners:
            return None
        found = _head(top / ".git")
    except (OSError, UnicodeDecodeError, ValueError):
        return None
    return found if _COMMIT.fullmatch(found) else None


def _head(git: Path) -> str:
    if git.is_file():
        # a worktree or a submodule
        git = git.parent / _text(git).partition("gitdir: ")[2]
    head = _text(git / "HEAD")
    name = head.partition("ref: ")[2]
    if not name:
        return head
    common = git
    if (git / "commondir").is_file():
        common = git / _text(git / "commondir")
    if (common / name).is_file():
        return _text(common / name)
    packed = common / "packed-refs"
    lines = _text(packed).splitlines() if packed.is_file() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {name}")), "")


def _text(path: Path) -> str:
    return read_regular(path, most_bytes=_BYTES_MAX).decode().strip()
