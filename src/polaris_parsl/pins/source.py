"""Copies the source tree of polaris_parsl out of an install, which contains all of it."""

import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from polaris_parsl.errors import ReceiptError
from polaris_parsl.files import digest
from polaris_parsl.installs import OVERLAY

_PACKAGE = "polaris_parsl"
_SHIPPED = "_dist"


def copy_source(root: Path, files: Mapping[str, str], target: Path) -> None:
    """Copy the source tree that an install was built from, and check each file.

    Args:
        root: the install, PREFIX/versions/VERSION.
        files: the sha256 of each file, from the receipt.
        target: the directory to make.

    Raises:
        ReceiptError: a file of the install differs from the receipt.
    """
    for name, expected in files.items():
        place = _place(PurePosixPath(name))
        if place is None:
            continue
        source = root / name
        if not source.is_file() or digest(source) != expected:
            raise ReceiptError(
                f"{source} differs from the install's receipt",
                remedy="install again, then repeat the run that you want to pin",
            )
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target / place)
        (target / place).chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def _place(name: PurePosixPath) -> PurePosixPath | None:
    """The place of an install's file in the source tree; None if it is not part of it."""
    # overlay/lib/python3.X/site-packages/polaris_parsl/...
    if name.parts[:2] != (OVERLAY, "lib") or name.parts[4:5] != (_PACKAGE,):
        return None
    if "__pycache__" in name.parts:
        return None
    inner = PurePosixPath(*name.parts[5:])
    if inner.parts[0] == _SHIPPED:
        return inner.relative_to(_SHIPPED)
    return PurePosixPath("src", _PACKAGE, inner)
