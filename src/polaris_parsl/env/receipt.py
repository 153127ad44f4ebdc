"""The receipt of an install: what was built, from which locks, on which base, and every file.

It has no time in it: the same locks on the same base give the same receipt, but
for `prefix`, `command` and what hangs on them (docs/on-disk.md).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polaris_parsl.env.locks import digest
from polaris_parsl.errors import PrefixError

NAME = "receipt.json"
FORMAT = 2


@dataclass(frozen=True)
class Tree:
    """Digests of the files of an install, targets of its links, and files that name the prefix."""

    files: Mapping[str, str]
    links: Mapping[str, str]
    prefix_bound: tuple[str, ...]


def scan(folder: Path, *, prefix: Path) -> Tree:
    """Read a finished tree.

    Args:
        folder: the tree, still under its staging name.
        prefix: the path that it will have.

    Raises:
        PrefixError: a file names the staging directory, so the tree cannot be moved.
    """
    files, links, bound = {}, {}, []
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            links[name] = str(path.readlink())
        elif path.is_file():
            files[name] = digest(path)
            content = path.read_bytes()
            if str(folder).encode() in content:
                raise PrefixError(
                    f"{name} holds the path of the staging directory {folder}",
                    remedy="report this: the install cannot be moved to its place",
                )
            if str(prefix).encode() in content:
                bound.append(name)
    return Tree(files, links, tuple(bound))


def write_receipt(folder: Path, contents: Mapping[str, Any], tree: Tree) -> None:
    """Write the receipt of a tree into its top."""
    receipt = {
        "format": FORMAT,
        **contents,
        "prefix_bound": [*tree.prefix_bound, NAME],
        "links": dict(tree.links),
        "files": dict(tree.files),
    }
    text = json.dumps(receipt, indent=1, ensure_ascii=False) + "\n"
    (folder / NAME).write_text(text, encoding="utf-8", errors="surrogateescape")
