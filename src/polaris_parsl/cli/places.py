"""Which install a verb works on, when the command line names none."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from polaris_parsl.env.receipt import read_receipt
from polaris_parsl.errors import PrefixError, ReceiptError
from polaris_parsl.installs import (
    INSTALL_PATH,
    TOOLS,
    VERSIONS,
    command_of,
    is_same_place,
    lies_in_a_prefix,
    prefix_of,
)


def absolute(path: Path) -> Path:
    """A path of the command line as it is recorded: `~` and `..` resolved, symbolic links kept."""
    return Path(os.path.normpath(path.expanduser().absolute()))


def own_root(given: Path | None) -> Path:
    """The install that is named, or that of this command, or the loaded one.

    Raises:
        PrefixError: there is none of these.
    """
    if given is not None:
        return absolute(given)
    own = Path(sys.prefix).parent
    # not found by its receipt: `verify` must be able to report that this is missing
    if Path(sys.prefix).name == TOOLS and command_of(own).is_file():
        return own
    loaded = os.environ.get("POLARIS_PARSL_ROOT")
    if loaded:
        return Path(loaded)
    raise PrefixError(
        "this polaris-parsl belongs to no install, and no polaris-parsl module is loaded",
        remedy=f"name an install: --root {INSTALL_PATH}",
    )


def runs_here(root: Path) -> bool:
    """Whether an install is that of this command or the loaded one: its programs run here anyway."""
    own = Path(sys.prefix).parent if Path(sys.prefix).name == TOOLS else None
    loaded = os.environ.get("POLARIS_PARSL_ROOT")
    with suppress(OSError):  # of an install that is closed to us nothing can be started
        return any(is_same_place(root, Path(each)) for each in (own, loaded) if each)
    return False


def own_base() -> Path | None:
    """The base of the install that this command belongs to, or of the loaded one; else its Python."""
    try:
        return Path(read_receipt(own_root(None)).base["executable"])
    except (PrefixError, ReceiptError):
        return Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")


def own_prefix(given: Path | None) -> Path:
    """The prefix that is named, or that of this command's install, or of the loaded one.

    Raises:
        PrefixError: there is none of these, or it is not a directory.
    """
    remedy = "name the prefix: --prefix PREFIX"
    try:
        place = absolute(given or own_root(None))
    except PrefixError as error:
        raise PrefixError(error.problem, remedy=remedy) from None
    if given is None and not lies_in_a_prefix(place):
        raise PrefixError(f"{place} is a copy outside of any PREFIX/{VERSIONS}", remedy=remedy)
    prefix = place if given else prefix_of(place)
    if not prefix.is_dir():
        raise PrefixError(f"{prefix} is not a directory", remedy=remedy)
    return prefix
