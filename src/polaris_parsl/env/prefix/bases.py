"""The locked bases of a prefix, PREFIX/bases/KEY: published by one rename, shared, removed when unneeded.

Which versions need a base stands in their receipts. Before an install has its own, a claim keeps
the base: a file whose name records the process, `.staging-KEY.claim@HOST-MACHINE.PID.START`.
"""

import json
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from polaris_parsl import below
from polaris_parsl.env.prefix.permissions import FILE, make_shared, seal
from polaris_parsl.env.prefix.publish import put, remove_atomically
from polaris_parsl.env.prefix.releases import find_releases
from polaris_parsl.env.prefix.staging import find_abandoned, staging_name
from polaris_parsl.env.prefix.state import read_state
from polaris_parsl.errors import PrefixError, ReceiptError
from polaris_parsl.installs import (
    BASES,
    STAGING,
    base_root,
    content_of_receipt,
    is_base_key,
    receipt_of,
)

_CLAIM = ".claim"


@contextmanager
def claimed(prefix: Path, key: str, *, group: int | None) -> Iterator[Path]:
    """Keep a base from cleanup; at the end remove it if no version needs it.

    Args:
        prefix: the prefix; the directory exists.
        key: name of the base.
        group: number of the group that the prefix belongs to.

    Yields:
        The directory of the base, which may not exist.

    Raises:
        PrefixError: the prefix cannot be written, or a directory in it is a link.
    """
    root = base_root(prefix, key)
    claim = staging_name(f"{key}{_CLAIM}")
    try:
        make_shared(root.parent, group=group, top=prefix)
        with below.opened(prefix, root.parent) as place:
            below.write(place, claim, "", mode=FILE)
    except OSError as error:
        raise PrefixError(
            f"{prefix} cannot be written: {error.strerror}: {error.filename}",
            remedy="choose another directory with --prefix",
        ) from error
    try:
        yield root
    finally:
        with suppress(OSError, PrefixError):
            with below.opened(prefix, root.parent) as place:
                below.remove(place, claim)
            for path in find_unneeded(prefix):
                remove_base(path, top=prefix)
            with below.opened(prefix, prefix) as place:
                os.rmdir(BASES, dir_fd=place)


@contextmanager
def new_base(root: Path, *, top: Path, group: int | None) -> Iterator[Path]:
    """An empty directory that becomes a base, read-only, when it is complete; a failure leaves nothing.

    Where another process was faster, its base is taken: the same key, the same files.

    Args:
        root: the directory that it becomes.
        top: the prefix; below it no directory may be a link.
        group: number of the group that the prefix belongs to.
    """
    staged = root.with_name(staging_name(root.name))
    with below.opened(top, root.parent) as place:
        try:
            with below.new_folder(place, staged) as folder:
                yield folder
                seal(folder, group=group)
                _put(place, folder, root)
        finally:
            below.remove(place, staged.name)


def _put(place: int, folder: Path, root: Path) -> None:
    try:
        put(place, folder, root)
    except OSError as error:
        if not below.is_folder(place, root.name):
            raise PrefixError(
                f"{root} cannot be made: {error.strerror}",
                remedy="choose another directory with --prefix",
            ) from error


def find_unneeded(prefix: Path, *, without: Collection[str] = ()) -> Iterator[Path]:
    """The bases that no version of a prefix needs, and no process that builds one.

    Args:
        prefix: the prefix.
        without: versions that do not count, because they are to be removed.
    """
    try:
        with below.opened(prefix, prefix / BASES) as place:
            present = sorted(name for name in below.names(place) if is_base_key(name))
    except FileNotFoundError:
        return
    for name in present:
        if not _is_needed(prefix, name, without=without):
            yield base_root(prefix, name)


def remove_base(path: Path, *, top: Path) -> str | None:
    """Delete a base, unless somebody has begun to build on it meanwhile.

    Returns:
        A line that says what is left and who owns it; None if nothing is left.
    """
    return remove_atomically(path, top=top, is_needed=lambda: _is_needed(top, path.name))


def base_files(root: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The sha256 of each file of a locked base, and the target of each link.

    Raises:
        ReceiptError: the base has no readable receipt.
    """
    path = receipt_of(root)
    try:
        content = content_of_receipt(root)
        data: dict[str, Any] = json.loads(content)
        return dict(data["files"]), dict(data["links"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise ReceiptError(
            f"{path} of the locked base is missing or damaged: {error}",
            remedy="remove the versions on this base, and install them again",
        ) from error


def _is_needed(prefix: Path, key: str, *, without: Collection[str] = ()) -> bool:
    with below.opened(prefix, prefix / BASES) as place:
        gone = set(find_abandoned(place))
        start = f"{STAGING}{key}{_CLAIM}@"
        if any(name.startswith(start) and name not in gone for name in below.names(place)):
            return True
    present = find_releases(prefix, read_state(prefix))
    receipts = [each.read for each in present if each.name not in without]
    # what a version needs whose receipt cannot be read is not known
    return any(isinstance(each, ReceiptError) or each.locked_base == key for each in receipts)
