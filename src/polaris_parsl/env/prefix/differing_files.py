"""What differs between a tree and its receipt: a tree in which anybody may have put anything."""

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from polaris_parsl.files import digest
from polaris_parsl.installs import BIN, RECEIPT, receipt_of
from polaris_parsl.text import in_line

# an install has less than a tenth of it; a sparse file may seem to have any size
_READ_BYTES_MAX = 8 << 30


def differing_files(
    root: Path, files: Mapping[str, str], links: Mapping[str, str], parts: Collection[str] | None
) -> Iterator[tuple[str, list[str]]]:
    """What differs between a tree and its receipt: missing, changed and added files.

    Args:
        root: the tree.
        files: the sha256 of each file.
        links: the target of each link.
        parts: directories to look at; of their files only those are read that are younger than
            the receipt. None reads every file.
    """
    since = None if parts is None else receipt_of(root).stat().st_ctime_ns
    gone, changed = [], []
    left = _READ_BYTES_MAX
    present = set(_walk(root, parts))
    for name, expected in {**files, **links}.items():
        if parts is not None and name.partition("/")[0] not in parts:
            continue
        if name not in present:
            gone.append(name)
            continue
        status = (root / name).lstat()  # one look at each of thousands of files
        left -= status.st_size
        if left < 0 or not _is_same(
            root / name,
            status,
            expected,
            is_link=name in links,
            since=None if name.startswith(f"{BIN}/") else since,
        ):
            changed.append(name)
    known = files.keys() | links.keys() | {RECEIPT}
    added = [name for name in sorted(present - known) if "__pycache__" not in name]
    found = {"missing": gone, "changed": changed, "added": added}
    yield from ((what, [in_line(name) for name in names]) for what, names in found.items() if names)


def _walk(root: Path, parts: Collection[str] | None) -> Iterator[str]:
    tops = [str(root)] if parts is None else [str(root / part) for part in parts]
    start = len(str(root)) + 1
    for top in tops:
        if Path(top).is_symlink():
            yield top[start:]
            continue
        for folder, folders, files in os.walk(top):
            links = [name for name in folders if Path(folder, name).is_symlink()]
            for name in (*files, *links):
                yield f"{folder}/{name}"[start:]


def _is_same(
    path: Path, status: os.stat_result, expected: str, *, is_link: bool, since: int | None
) -> bool:
    if is_link or stat.S_ISLNK(status.st_mode):
        return is_link and stat.S_ISLNK(status.st_mode) and str(path.readlink()) == expected
    # any writing, renaming or copying sets ctime, and nobody can set it back
    if since is not None and status.st_ctime_ns <= since:
        return True
    try:
        return digest(path) == expected
    except OSError:
        return False
