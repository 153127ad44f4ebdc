"""Checks the install: its files, its base, its overlay and its module."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from pathlib import Path

from polaris_parsl.doctor.findings import DoctorFinding, note, ok, problem, unknown
from polaris_parsl.doctor.here import Here
from polaris_parsl.env.base import drift
from polaris_parsl.env.base.drift import Verdict
from polaris_parsl.env.modules.module_system import module_tree
from polaris_parsl.env.modules.modulefile import modulefile
from polaris_parsl.env.prefix.permissions import user_name
from polaris_parsl.env.prefix.state import read_state
from polaris_parsl.env.prefix.verify import (
    is_published,
    not_started,
    verify_files,
    verify_module,
    verify_overlay,
    verify_trusted_base,
)
from polaris_parsl.env.receipt import Receipt, read_receipt
from polaris_parsl.installs import INSTALL_PATH, overlay_python
from polaris_parsl.version import NAME

_AGAIN = f"load another version (`module avail {NAME}`), or install again"
_NO_INSTALL = f"there is no install to check: name one with --root {INSTALL_PATH}"
_NO_RECEIPT = "the receipt of the install is unreadable"


def look_at_receipt(here: Here) -> Iterator[DoctorFinding]:
    """The install exists, and its receipt is readable."""
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
    look: Callable[[Path, Receipt, Here], Iterator[DoctorFinding]],
) -> Callable[[Here], Iterator[DoctorFinding]]:
    """Give a check the install and its receipt; its result is unknown without them."""

    @wraps(look)  # its docstring is the promise
    def looked(here: Here) -> Iterator[DoctorFinding]:
        if here.root is None or here.receipt is None:
            yield unknown(_NO_RECEIPT if here.root else _NO_INSTALL)
        else:
            yield from look(here.root, here.receipt, here)

    return looked


@_of_install
def look_at_version(root: Path, receipt: Receipt, _here: Here) -> Iterator[DoctorFinding]:
    """The version of the install is the default of its prefix, and not deprecated."""
    if not is_published(root, receipt):
        yield unknown(f"it was installed in {receipt.prefix}, and this is a copy")
        return
    # raises where it is damaged
    state = read_state(receipt.prefix)
    going = state.deprecated.get(root.name)
    if going:
        yield note(
            f"{root.name} is deprecated and may be removed after {going.until}: {going.because}",
            f"`module load {NAME}/{state.default}`" if state.default else "",
        )
    elif root.name == state.default:
        yield ok(f"{state.default} is the default of {receipt.prefix}")
    else:
        yield note(f"{root.name} is not the default of its prefix, {state.default or 'none'}")


@_of_install
def look_at_files(root: Path, receipt: Receipt, _here: Here) -> Iterator[DoctorFinding]:
    """The files of the overlay and the commands match the receipt."""
    found = list(verify_files(root, receipt, every_file=False))
    yield from _as_findings(found)
    if not found:
        yield ok("bin/ and overlay/ are complete and unchanged")


@_of_install
def look_at_base(_root: Path, receipt: Receipt, here: Here) -> Iterator[DoctorFinding]:
    """The base has not changed since the install was built."""
    found, unasked = verify_trusted_base(receipt, here.trust, quick=True, env=here.env)
    yield from _as_findings(found)
    if unasked:
        yield unknown(f"not started: {receipt.base['executable']}, which only the receipt names")
    elif not found:
        base = receipt.base
        yield ok(f"CPython {base['interpreter']['version']} of {base['prefix']}, unchanged")


@_of_install
def look_at_overlay(root: Path, receipt: Receipt, here: Here) -> Iterator[DoctorFinding]:
    """The overlay's Python starts and finds what Parsl needs."""
    if not here.trust.is_whole:
        yield unknown(not_started(root))
        return
    found = verify_overlay(root, receipt, tries=False, env=here.env)
    yield from _as_findings(found)
    if not found:
        yield ok(f"{overlay_python(root)} finds Parsl and everything that it needs")


@_of_install
def look_at_modulefile(root: Path, receipt: Receipt, here: Here) -> Iterator[DoctorFinding]:
    """The modulefile is readable, and loads in a fresh shell."""
    tree = module_tree(receipt.prefix, here.env)
    closed = _closed(modulefile(tree, root.name))
    if closed and is_published(root, receipt):
        yield problem(closed, f"ask its owner to open it, or {_AGAIN}")
        return
    if not here.trust.is_whole:
        yield unknown(not_started(root))
        return
    found, untried = verify_module(root, receipt, env=here.env)
    yield from _as_findings(found)
    if untried:
        yield unknown(f"not loaded: {untried}")
    elif not found:
        yield ok(f"{NAME}/{root.name} of {tree} loads in a fresh shell")


def _as_findings(found: Iterable[drift.VerifyFinding]) -> Iterator[DoctorFinding]:
    for each in found:
        remedy = each.remedy or _AGAIN
        if each.verdict is Verdict.BROKEN:
            yield problem(each.text, remedy)
        elif each.verdict is Verdict.RELEVANT:
            yield note(
                each.text, each.remedy or "rehearse your workflow with `polaris-parsl sandbox`"
            )
        else:
            yield note(each.text)


def _closed(path: Path) -> str:
    """The problem of the first part of a path that is missing or closed to us; "" if none is."""
    for part in (*reversed(path.parents), path):
        try:
            part.stat()
        except FileNotFoundError:
            return f"there is no {part}"
        except PermissionError:
            return _closed_part(part.parent)
    try:
        # for some users os.access differs from what Linux does
        os.close(os.open(path, os.O_RDONLY))
    except PermissionError:
        return _closed_part(path)
    return ""


def _closed_part(part: Path) -> str:
    about = part.stat()
    return f"{part} is closed to you: {stat.filemode(about.st_mode)}, of {user_name(about.st_uid)}"
