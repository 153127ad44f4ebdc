"""The source tree of polaris_parsl, taken out of an install, which carries all of it."""

import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from polaris_parsl.errors import ReceiptError
from polaris_parsl.files import digest
from polaris_parsl.installs import OVERLAY

_PACKAGE = "polaris_parsl"
_SHIPPED = "_dist"


def copy_source(root: Path, files: Mapping[str, str], target: Path) -> None:
    """Put together the source tree that an install was built from; each file checked.

    Args:
        root: the install, PREFIX/versions/VERSION.
        files: from its receipt, the sha256 of each file.
        target: the directory to make.

    Raises:
        ReceiptError: a file of the install is not what the receipt says.
    """
    for name, expected in files.items():
        place = _place(PurePosixPath(name))
        if place is None:
            continue
        source = root / name
        if not source.is_file() or digest(source) != expected:
            raise ReceiptError(
                f"{source} is not what the install's receipt says",
                remedy="install again, then run what you want to pin again",
            )
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target / place)
        (target / place).chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def _place(name: PurePosixPath) -> PurePosixPath | None:
    """Where a file of the install lies in the source tree; None where it does not."""
    # overlay/lib/python3.X/site-packages/polaris_parsl/...
    if name.parts[:2] != (OVERLAY, "lib") or name.parts[4:5] != (_PACKAGE,):
        return None
    if "__pycache__" in name.parts:
        return None
    inner = PurePosixPath(*name.parts[5:])
    if inner.parts[0] == _SHIPPED:
        return inner.relative_to(_SHIPPED)
    return PurePosixPath("src", _PACKAGE, inner)
