"""The script that runs, and the commit that it belongs to, for the record of a run.

git is not started: what its settings name would run, and a node may have none.
"""

import re
import sys
from pathlib import Path

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
        return _head(top / ".git") if top else None
    except (OSError, UnicodeDecodeError):
        return None


def _head(git: Path) -> str | None:
    if git.is_file():
        # a worktree or a submodule
        git = git.parent / git.read_text(encoding="utf-8").partition("gitdir: ")[2].strip()
    head = (git / "HEAD").read_text(encoding="utf-8").strip()
    name = head.partition("ref: ")[2]
    if not name:
        return head if _COMMIT.fullmatch(head) else None
    common = git
    if (git / "commondir").is_file():
        common = git / (git / "commondir").read_text(encoding="utf-8").strip()
    if (common / name).is_file():
        found = (common / name).read_text(encoding="utf-8").strip()
        return found if _COMMIT.fullmatch(found) else None
    packed = common / "packed-refs"
    lines = packed.read_text(encoding="utf-8").splitlines() if packed.is_file() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {name}")), None)
