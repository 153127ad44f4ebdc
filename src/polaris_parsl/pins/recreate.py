"""Builds the install of a bundle again with the bundle's own source, and compares every file."""

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from polaris_parsl.env.base.drift import compare
from polaris_parsl.env.modules.base_module import NO_MODULE
from polaris_parsl.env.release_names import CURRENT, release_name
from polaris_parsl.errors import BaseEnvironmentError, BundleError
from polaris_parsl.files import digest, is_there
from polaris_parsl.installs import BASES, LOCKED, OVERLAY, is_locked, receipt_of, version_root
from polaris_parsl.pins.bundle import SOURCE, Bundle, files_below
from polaris_parsl.pins.own_source import BOOTSTRAP, bootstrap
from polaris_parsl.process import Step

_OWN = ("parsl", "polaris_parsl")
_MODULE = re.compile(rf"{OVERLAY}/lib/python3\.\d+/site-packages/((?:{'|'.join(_OWN)})/.+)")


@dataclass(frozen=True)
class Recreated:
    """An install that was built from a bundle.

    Attributes:
        root: its directory.
        same: number of files and links that match the receipt of the bundle.
        differing: names of those that differ, are missing or are additional.
        bound: names of those that contain the prefix and therefore differ.
        is_own_same: whether each file of Parsl and polaris_parsl matches, except byte code and
            whatever the Python's version.
        packages: a sentence for each package of the lock with another version or origin.
        base: a sentence for each difference of its base from that of the bundle.
    """

    root: Path
    same: int
    differing: tuple[str, ...]
    bound: tuple[str, ...]
    is_own_same: bool
    packages: tuple[str, ...]
    base: tuple[str, ...]


def recreate(
    bundle: Bundle, *, prefix: Path, base: Path | None, env: Mapping[str, str], step: Step
) -> Recreated:
    """Build the install of a bundle again.

    Args:
        bundle: a bundle from open_bundle.
        prefix: the prefix to install into.
        base: the Python to build on, or the word for the locked base; None uses that of the receipt.
        env: environment variables.
        step: called with the name of each step.

    Raises:
        BaseEnvironmentError: the base of the receipt is not on this machine.
        OwnSourceError: the bundle's polaris-parsl refuses to install.
    """
    chosen = base or _same_base(bundle.receipt)
    version, track = bundle.receipt["version"], bundle.receipt.get("track", CURRENT)
    with tempfile.TemporaryDirectory(prefix="polaris-parsl-recreate-") as scratch:
        source = Path(scratch, SOURCE)
        _copy_source(bundle, source)
        with step(f"install with the polaris-parsl {version} of the bundle"):
            arguments = _arguments(bundle, prefix, chosen)
            bootstrap(source, arguments, python=_interpreter(chosen), env=env)
    return _compared(bundle, version_root(prefix, release_name(version, track)))


def command(bundle: Bundle, *, prefix: Path, base: Path | None) -> list[str]:
    """What `recreate` would run, for the user to see before; arguments as for `recreate`.

    Raises:
        BaseEnvironmentError: the base of the receipt is not on this machine.
    """
    chosen = base or _same_base(bundle.receipt)
    program = [str(_interpreter(chosen)), "-I", f"{SOURCE}/{BOOTSTRAP}"]
    return [*program, *_arguments(bundle, prefix, chosen)]


def _copy_source(bundle: Bundle, target: Path) -> None:
    """Copy what will run out of the bundle, and compare the copy: nobody can change that."""
    shutil.copytree(bundle.folder / SOURCE, target, symlinks=True)
    copied = {f"{SOURCE}/{name}": digest(target / name) for name in files_below(target)}
    wanted = {name: each for name, each in bundle.sums.items() if name.startswith(f"{SOURCE}/")}
    if copied != wanted:
        raise BundleError(
            f"{bundle.place} has changed since it was read", remedy="copy it, and use the copy"
        )


def _same_base(receipt: Mapping[str, Any]) -> Path:
    if receipt.get("locked_base"):
        return Path(LOCKED)
    base = receipt["base"]
    executable = Path(base["executable"])
    if is_there(executable):
        return executable
    minor = ".".join(base["interpreter"]["version"].split(".")[:2])
    raise BaseEnvironmentError(
        f"the base of the bundle is not on this machine: there is no {executable}",
        remedy=f"name another with --base, a CPython {minor} with pip; the result differs where "
        "the base does",
    )


def _interpreter(base: Path) -> Path:
    if is_locked(base):
        # whichever runs this: the bundle has its own for the rest, or the machine another
        return Path(getattr(sys, "_base_executable", "") or sys.executable)
    return base / "bin" / "python3" if base.is_dir() else base


def _arguments(bundle: Bundle, prefix: Path, base: Path) -> list[str]:
    track = bundle.receipt.get("track", CURRENT)
    arguments = ["install", "--prefix", str(prefix), "--base", str(base)]
    module = bundle.receipt["base"]["module"]
    if module and str(base) == bundle.receipt["base"]["executable"]:
        arguments += ["--base-module", module["name"]]
    elif ("--base-module", NO_MODULE) in pairwise(bundle.receipt["command"]):
        arguments += ["--base-module", NO_MODULE]
    if track != CURRENT:
        arguments += ["--track", track]
    if bundle.wheelhouse:
        arguments += ["--wheelhouse", str(bundle.wheelhouse)]
    return arguments


def _compared(bundle: Bundle, root: Path) -> Recreated:
    was, now = bundle.receipt, json.loads(receipt_of(root).read_bytes())
    bound = {*was["prefix_bound"]}
    before = {**was["files"], **was["links"]}
    after = {**now["files"], **now["links"]}
    if bundle.locked_base and now.get("locked_base"):
        names, old, new = _base_files(bundle.locked_base, Path(now["base"]["prefix"]))
        bound, before, after = bound | names, before | old, after | new
    names = (before.keys() | after.keys()) - bound
    differing = sorted(name for name in names if before.get(name) != after.get(name))
    return Recreated(
        root=root,
        same=len(names) - len(differing),
        differing=tuple(differing),
        bound=tuple(sorted(bound)),
        is_own_same=_own_files(was) == _own_files(now),
        packages=tuple(_changes(_packages(was), _packages(now))),
        base=tuple(finding.text for finding in compare(was["base"], now["base"])),
    )


def _base_files(
    was: Mapping[str, Any], root: Path
) -> tuple[set[str], dict[str, str], dict[str, str]]:
    """Of two locked bases: names of what contains the path, files and links of each."""
    now = json.loads(receipt_of(root).read_bytes())
    start = f"{BASES}/{root.name}/"
    # what conda records of an installation names its path, too
    bound = {*was["prefix_bound"]}
    return (
        {start + name for name in bound},
        {start + name: each for name, each in {**was["files"], **was["links"]}.items()},
        {start + name: each for name, each in {**now["files"], **now["links"]}.items()},
    )


def _own_files(receipt: Mapping[str, Any]) -> dict[str, str]:
    """Digests of the modules of Parsl and polaris_parsl, by their names below site-packages."""
    return {
        found[1]: digest
        for name, digest in receipt["files"].items()
        if (found := _MODULE.fullmatch(name)) and "__pycache__" not in name
    }


def _packages(receipt: Mapping[str, Any]) -> dict[str, str]:
    """Version and origin of each package of the lock."""
    taken = {name: f"{version} of the base" for name, version in receipt["from_base"].items()}
    added = {each["name"]: f"{each['version']} of the lock" for each in receipt["overlay"]}
    return {**taken, **added}


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name, "none"), after.get(name, "none")
        if was != now:
            yield f"{name} {was} -> {now}"
