"""Building again what a bundle pins, with the bundle's own source, and comparing every file."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polaris_parsl.env.drift import compare
from polaris_parsl.env.receipt import read_receipt
from polaris_parsl.errors import BaseEnvironmentError
from polaris_parsl.pins.bundle import SOURCE, Bundle
from polaris_parsl.pins.own_source import bootstrap
from polaris_parsl.process import Step

_CURRENT = "current"


@dataclass(frozen=True)
class Recreated:
    """An install that was built from a bundle.

    Attributes:
        root: where it lies.
        same: how many files and links are what the receipt of the bundle says.
        differing: names of those that are not, that are missing, or that are more.
        bound: names of those that hold the prefix, and so differ by nature.
        base: in words, how its base differs from that of the bundle.
    """

    root: Path
    same: int
    differing: tuple[str, ...]
    bound: tuple[str, ...]
    base: tuple[str, ...]


def recreate(
    bundle: Bundle, *, prefix: Path, base: Path | None, env: Mapping[str, str], step: Step
) -> Recreated:
    """Build the install of a bundle again.

    Args:
        bundle: from open_bundle.
        prefix: where to install.
        base: the Python to build on; None takes the one that the receipt names.
        env: environment variables.
        step: called with the name of each step.

    Raises:
        BaseEnvironmentError: the base of the receipt is not on this machine.
        OwnSourceError: the bundle's polaris-parsl refuses to install.
    """
    chosen = base or _same_base(bundle.receipt["base"])
    version = bundle.receipt["version"]
    track = bundle.receipt.get("track", _CURRENT)
    with tempfile.TemporaryDirectory(prefix="polaris-parsl-recreate-") as scratch:
        source = Path(scratch, SOURCE)
        shutil.copytree(bundle.folder / SOURCE, source)
        with step(f"install with the polaris-parsl {version} of the bundle"):
            arguments = _arguments(bundle, prefix, chosen, track)
            bootstrap(source, arguments, python=_interpreter(chosen), env=env)
    release = version if track == _CURRENT else f"{version}-{track}"
    return _compared(bundle.receipt, prefix / "versions" / release)


def _same_base(base: Mapping[str, Any]) -> Path:
    executable = Path(base["executable"])
    if executable.exists():
        return executable
    minor = ".".join(base["interpreter"]["version"].split(".")[:2])
    raise BaseEnvironmentError(
        f"the base of the bundle is not on this machine: there is no {executable}",
        remedy=f"name another: --base, a CPython {minor} with pip; the result then differs where "
        "the base does",
    )


def _interpreter(base: Path) -> Path:
    return base / "bin" / "python3" if base.is_dir() else base


def _arguments(bundle: Bundle, prefix: Path, base: Path, track: str) -> list[str]:
    arguments = ["install", "--prefix", str(prefix), "--base", str(base)]
    module = bundle.receipt["base"]["module"]
    if module and str(base) == bundle.receipt["base"]["executable"]:
        arguments += ["--base-module", module["name"]]
    if track != _CURRENT:
        arguments += ["--track", track]
    if bundle.wheelhouse:
        arguments += ["--wheelhouse", str(bundle.wheelhouse)]
    return arguments


def _compared(was: Mapping[str, Any], root: Path) -> Recreated:
    now = read_receipt(root)
    bound = {*was["prefix_bound"]}
    before = {**was["files"], **was["links"]}
    after = {**now.files, **now.links}
    names = (before.keys() | after.keys()) - bound
    differing = sorted(name for name in names if before.get(name) != after.get(name))
    return Recreated(
        root=root,
        same=len(names) - len(differing),
        differing=tuple(differing),
        bound=tuple(sorted(bound)),
        base=tuple(finding.text for finding in compare(was["base"], now.base)),
    )
