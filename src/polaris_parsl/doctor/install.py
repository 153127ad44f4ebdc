"""The install: its files, its base, its overlay and its module."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from pathlib import Path

from polaris_parsl.doctor.findings import Finding, note, ok, problem, unknown
from polaris_parsl.doctor.here import Here
from polaris_parsl.env.base import drift
from polaris_parsl.env.base.drift import Verdict
from polaris_parsl.env.modules.module_system import module_tree
from polaris_parsl.env.modules.modulefile import modulefile
from polaris_parsl.env.prefix.permissions import user_name
from polaris_parsl.env.prefix.state import read_state
from polaris_parsl.env.prefix.verify import (
    inspect_base,
    inspect_files,
    inspect_module,
    inspect_overlay,
    is_published,
)
from polaris_parsl.env.receipt import Receipt, read_receipt
from polaris_parsl.version import NAME

_AGAIN = f"load another version (`module avail {NAME}`), or install again"
_NO_INSTALL = "there is no install to look at: name one by --root PREFIX/versions/VERSION"
_NO_RECEIPT = "the receipt of the install cannot be read"


def look_at_receipt(here: Here) -> Iterator[Finding]:
    """The install is there, and its receipt can be read."""
    if here.root is None:
        yield unknown(_NO_INSTALL)
        return
    closed = _closed(here.root)
    if closed:
        yield problem(closed, f"ask its owner to open it, or {_AGAIN}")
        return
    # raises where it is damaged
    receipt = read_receipt(here.root)
    yield ok(f"{NAME} {receipt.version}, installed in {here.root}")


def _of_install(
    look: Callable[[Path, Receipt, Here], Iterator[Finding]],
) -> Callable[[Here], Iterator[Finding]]:
    """Let a check have the install and its receipt, and say where there is none."""

    @wraps(look)  # its docstring is the promise
    def looked(here: Here) -> Iterator[Finding]:
        if here.root is None or here.receipt is None:
            yield unknown(_NO_RECEIPT if here.root else _NO_INSTALL)
        else:
            yield from look(here.root, here.receipt, here)

    return looked


@_of_install
def look_at_version(root: Path, receipt: Receipt, _here: Here) -> Iterator[Finding]:
    """The version of the install is the default of its prefix, and not to go soon."""
    if not is_published(root, receipt):
        yield unknown(f"it was installed in {receipt.prefix}, and this is a copy")
        return
    # raises where it is damaged
    state = read_state(receipt.prefix)
    going = state.deprecated.get(root.name)
    if going:
        yield note(
            f"{root.name} is deprecated and may go after {going.until}: {going.because}",
            f"`module load {NAME}/{state.default}`" if state.default else "",
        )
    elif root.name == state.default:
        yield ok(f"{state.default} is the default of {receipt.prefix}")
    else:
        yield note(f"{root.name} is not the default of its prefix, {state.default or 'none'}")


@_of_install
def look_at_files(root: Path, receipt: Receipt, _here: Here) -> Iterator[Finding]:
    """The files of the overlay and the commands are those of the receipt."""
    found = list(inspect_files(root, receipt, every_file=False))
    yield from _as_findings(found)
    if not found:
        yield ok("all of bin/ and overlay/ are there; none has changed")


@_of_install
def look_at_base(_root: Path, receipt: Receipt, here: Here) -> Iterator[Finding]:
    """The base is as it was when the install was built."""
    found = inspect_base(receipt, quick=True, env=here.env)
    yield from _as_findings(found)
    if not found:
        base = receipt.base
        yield ok(f"CPython {base['interpreter']['version']} of {base['prefix']}, unchanged")


@_of_install
def look_at_overlay(root: Path, receipt: Receipt, here: Here) -> Iterator[Finding]:
    """The overlay's Python starts and finds what Parsl needs."""
    found = inspect_overlay(root, receipt, tries=False, env=here.env)
    yield from _as_findings(found)
    if not found:
        yield ok(f"{root}/overlay/bin/python finds Parsl and all that it needs")


@_of_install
def look_at_modulefile(root: Path, receipt: Receipt, here: Here) -> Iterator[Finding]:
    """The modulefile is readable, and loads in a fresh shell."""
    tree = module_tree(receipt.prefix, here.env)
    closed = _closed(modulefile(tree, root.name))
    if closed and is_published(root, receipt):
        yield problem(closed, f"ask its owner to open it, or {_AGAIN}")
        return
    found, untried = inspect_module(root, receipt, env=here.env)
    yield from _as_findings(found)
    if untried:
        yield unknown(f"not loaded: {untried}")
    elif not found:
        yield ok(f"{NAME}/{root.name} of {tree} loads in a fresh shell")


def _as_findings(found: Iterable[drift.Finding]) -> Iterator[Finding]:
    for each in found:
        remedy = each.remedy or _AGAIN
        if each.verdict is Verdict.BROKEN:
            yield problem(each.text, remedy)
        elif each.verdict is Verdict.RELEVANT:
            yield note(
                each.text, "rehearse your workflow (`polaris-parsl sandbox`) before you rely"
            )
        else:
            yield note(each.text)


def _closed(path: Path) -> str:
    """The first part of a path that is not there or not open to us, in words; "" where all are."""
    for part in (*reversed(path.parents), path):
        try:
            part.stat()
        except FileNotFoundError:
            return f"there is no {part}"
        except PermissionError:
            return _closed_part(part.parent)
    try:
        # what os.access says is not what the kernel does for every user
        os.close(os.open(path, os.O_RDONLY))
    except PermissionError:
        return _closed_part(path)
    return ""


def _closed_part(part: Path) -> str:
    about = part.stat()
    return f"{part} is closed to you: {stat.filemode(about.st_mode)}, of {user_name(about.st_uid)}"
