"""The receipt of an install: what was built, from which locks, on which base, and every file.

It has no time in it: the same locks on the same base give the same receipt, but
for `prefix`, `command` and what depends on them (docs/on-disk.md).
"""

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polaris_parsl.env.release_names import is_release_name, release_name
from polaris_parsl.errors import PrefixError, ReceiptError
from polaris_parsl.files import walk
from polaris_parsl.installs import (
    RECEIPT,
    command_of,
    content_of_receipt,
    is_base_key,
    lies_in_a_prefix,
    receipt_of,
)
from polaris_parsl.text import in_line
from polaris_parsl.version import NAME

FORMAT = 2
# where GNU Parallel comes from, in an install that has none
NO_PARALLEL = "none"
_AGAIN = "polaris-parsl remove VERSION, and install it again"


class LaterReceiptError(ReceiptError):
    """The receipt of an install was made by a later version of polaris-parsl; nothing is wrong with it."""


@dataclass(frozen=True)
class Tree:
    """Digests of the files of an install, targets of its links, and files that name the prefix."""

    files: Mapping[str, str]
    links: Mapping[str, str]
    prefix_bound: tuple[str, ...]
    size_bytes: int


def scan(folder: Path, *, prefix: Path) -> Tree:
    """Read a finished tree.

    Args:
        folder: the tree, not yet in its place.
        prefix: the path that it will have.

    Raises:
        PrefixError: a file names the staging directory, so the tree cannot be moved.
    """
    import hashlib  # noqa: PLC0415 - only what builds an install needs it

    files, links, bound, size_bytes = {}, {}, [], 0
    # by its descriptor and by its name
    staged = {str(folder).encode(), os.fsencode(folder.resolve())}
    for name, entry in walk(folder):
        if entry.is_symlink():
            links[name] = str(Path(entry.path).readlink())
            if links[name].startswith(f"{prefix}/"):
                bound.append(name)
        elif entry.is_file(follow_symlinks=False):
            content = Path(entry.path).read_bytes()
            files[name] = hashlib.sha256(content).hexdigest()
            size_bytes += len(content)
            if any(path in content for path in staged):
                raise PrefixError(
                    f"{name} holds the path of the staging directory {folder.resolve()}",
                    remedy="report this: the install cannot be moved to its place",
                )
            if str(prefix).encode() in content:
                bound.append(name)
    return Tree(files, links, tuple(bound), size_bytes)


@dataclass(frozen=True)
class Receipt:
    """The parts of a receipt that later commands need.

    Attributes:
        version: of polaris-parsl.
        track: which of the overlay's locks.
        locks: sha256 of each lock, by name.
        parsl: version of Parsl that the overlay imports.
        has_parallel: whether its bin/ holds GNU Parallel.
        prefix: where it was installed.
        command: arguments of `polaris-parsl` that built it.
        base: the fingerprint of the base.
        locked: normalised names of what overlay.lock holds.
        locked_base: name of the locked base below the prefix; None on any other base.
        label: tells it from the first install of its version; "" for that.
        size_bytes: of its files together; None if the receipt is older.
        files: sha256 of each file.
        links: target of each link.
    """

    version: str
    track: str
    locks: Mapping[str, str]
    parsl: str
    has_parallel: bool
    prefix: Path
    command: tuple[str, ...]
    base: Mapping[str, Any]
    locked: frozenset[str]
    size_bytes: int | None
    files: Mapping[str, str]
    links: Mapping[str, str]
    locked_base: str | None = None
    label: str = ""

    @property
    def base_words(self) -> str:
        """A phrase for the base: its Python, and the module or prefix that holds it."""
        module = self.base["module"] or {}
        place = module.get("name") or self.base["prefix"]
        return f"CPython {self.base['interpreter']['version']} of {in_line(place)}"

    @property
    def release(self) -> str:
        """Name of the install's directory and module."""
        return release_name(self.version, self.track, self.label)

    @property
    def minor(self) -> str:
        """Version of the base's Python without its last part."""
        return ".".join(str(self.base["interpreter"]["version"]).split(".")[:2])


def read_receipt(root: Path, *, with_files: bool = True) -> Receipt:
    """Read the receipt of an install.

    Args:
        root: the install.
        with_files: whether the files and links are read, which are nearly all of it.

    Raises:
        ReceiptError: it is missing, damaged, or of another version of polaris-parsl.
    """
    path = receipt_of(root)
    try:
        data = json.loads(content_of_receipt(root, with_files=with_files))
        _refuse_other(data["format"], path)
        receipt = _receipt(data)
    except OSError as error:
        reason = "it is a link" if error.errno == errno.ELOOP else error.strerror
        raise ReceiptError(f"cannot read {path}: {reason}", remedy=_AGAIN) from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ReceiptError(f"{path} is damaged: {reason}", remedy=_AGAIN) from error
    if lies_in_a_prefix(root) and receipt.release != root.name:
        raise ReceiptError(
            f"{path} is that of {receipt.release}, and lies in the directory of {root.name}",
            remedy=f"ask who put it there; {_AGAIN}",
        )
    return receipt


def _refuse_other(number: object, path: Path) -> None:
    """Refuse a receipt of another format; what is no number at all is damaged."""
    if not isinstance(number, int):
        raise TypeError("its format is no number")
    if number > FORMAT:
        raise LaterReceiptError(
            f"{path} has format {number}: it was made by a later {NAME}; this one reads "
            f"format {FORMAT}",
            remedy=f"use that version's command: {command_of(path.parent)}",
        )
    if number != FORMAT:
        raise ReceiptError(
            f"{path} has format {number}; this polaris-parsl reads format {FORMAT}",
            remedy="use the polaris-parsl of that install",
        )


def _receipt(data: Mapping[str, Any]) -> Receipt:
    base = data["base"]
    for key in ("executable", "prefix", "interpreter", "start_files", "module", "conda"):
        _ = base[key]
    names = {entry["name"] for entry in data["overlay"]} | data["from_base"].keys()
    for table in (data["locks"], data["files"], data["links"], base["distributions"]):
        _ = table.items()
    label = data.get("label", "")
    release = release_name(data["version"], data["track"], label)
    if not is_release_name(release):
        raise ValueError(f"{release!r} is no version")
    module = base["module"] or {}
    for word in (data["parsl"], base["interpreter"]["version"], module.get("name") or ""):
        if not (isinstance(word, str) and word.isprintable()):
            raise ValueError(f"{word!r} is not one line of printable text")
    base_key = (data.get("locked_base") or {}).get("key")
    if not (base_key is None or is_base_key(base_key)):
        raise ValueError(f"{base_key!r} is no locked base")
    return Receipt(
        version=data["version"],
        track=data["track"],
        locks=data["locks"],
        parsl=data["parsl"],
        has_parallel=data["gnu_parallel"]["source"] != NO_PARALLEL,
        prefix=Path(data["prefix"]),
        command=tuple(data["command"]),
        base=base,
        locked=frozenset(names),
        size_bytes=data.get("size_bytes"),
        files=data["files"],
        links=data["links"],
        locked_base=base_key,
        label=label,
    )


def write_receipt(folder: Path, contents: Mapping[str, Any], tree: Tree) -> None:
    """Write the receipt of a tree into its top."""
    # installs.content_of_receipt looks for what comes last
    receipt = {
        "format": FORMAT,
        **contents,
        "size_bytes": tree.size_bytes,
        "prefix_bound": [*tree.prefix_bound, RECEIPT],
        "links": dict(tree.links),
        "files": dict(tree.files),
    }
    text = json.dumps(receipt, indent=1, ensure_ascii=False) + "\n"
    receipt_of(folder).write_text(text, encoding="utf-8", errors="surrogateescape")
