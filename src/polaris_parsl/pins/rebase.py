"""Builds a version again on another base, from the source that lies in it: the same locks."""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from polaris_parsl.env.receipt import read_receipt
from polaris_parsl.env.release_names import CURRENT, release_name
from polaris_parsl.env.variables import of_user
from polaris_parsl.errors import VersionError
from polaris_parsl.installs import LOCKED, version_root
from polaris_parsl.pins.bundle import SOURCE
from polaris_parsl.pins.own_source import bootstrap
from polaris_parsl.pins.source import copy_source
from polaris_parsl.process import Step

# a source tree without it knows neither the locked base nor this verb
_NEEDED = "scripts/bundled_python.py"


def rebase(
    root: Path,
    *,
    base: str,
    prefix: Path,
    wheelhouse: Path | None,
    mirror: str | None,
    dry_run: bool,
    env: Mapping[str, str],
    step: Step,
) -> tuple[Path, str]:
    """Build a version again on another base, as a version of its own.

    Args:
        root: the version, PREFIX/versions/VERSION; its base may be gone.
        base: "locked", a conda prefix or an interpreter.
        prefix: where the new version goes.
        wheelhouse: directory to take everything from; None uses the network.
        mirror: address of a copy of the conda channel.
        dry_run: compute the plan only.
        env: environment variables.
        step: called with the name of each step.

    Returns:
        The new version's directory, and what the installer printed.

    Raises:
        ReceiptError: the version has no readable receipt, or its source was changed.
        VersionError: it was built by a polaris-parsl that knows no other base.
        OwnSourceError: the version's polaris-parsl refuses to install.
    """
    receipt = read_receipt(root)
    label = LOCKED if base == LOCKED else "rebased"
    with tempfile.TemporaryDirectory(prefix="polaris-parsl-rebase-") as scratch:
        source = Path(scratch, SOURCE)
        copy_source(root, receipt.files, source)
        if not (source / _NEEDED).is_file():
            raise VersionError(
                f"{root.name} was built by a polaris-parsl that cannot be built again on another base",
                remedy="install a newer version: scripts/install.sh --base locked",
            )
        arguments = ["install", "--prefix", str(prefix), "--base", base]
        arguments += ["--label", label, "--rebase-of", str(root)]
        if receipt.track != CURRENT:
            arguments += ["--track", receipt.track]
        if wheelhouse:
            arguments += ["--wheelhouse", str(wheelhouse)]
        if mirror:
            arguments += ["--conda-mirror", mirror]
        if dry_run:
            arguments.append("--dry-run")
        # the Python below the one that runs this command: it has pip
        python = Path(getattr(sys, "_base_executable", "") or sys.executable)
        with step(f"install with the polaris-parsl {receipt.version} of {root}"):
            said = bootstrap(source, arguments, python=python, env=of_user(env))
    return version_root(prefix, release_name(receipt.version, receipt.track, label)), said
