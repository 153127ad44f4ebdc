"""Compares a bundle with this machine: whether its base is here and unchanged."""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from polaris_parsl.env.base.drift import Verdict, VerifyFinding
from polaris_parsl.env.prefix.verify import Trust, VerifyReport, verify_base
from polaris_parsl.env.receipt import read_receipt
from polaris_parsl.env.variables import own_command
from polaris_parsl.files import is_there
from polaris_parsl.pins.bundle import Bundle


def verify_bundle(
    bundle: Bundle, *, named: Path | None, own: Path | None, env: Mapping[str, str]
) -> VerifyReport:
    """What differs between the machine that a bundle was made on and this one.

    Args:
        bundle: from open_bundle, so that it is whole.
        named: the Python to compare with, which the user has named.
        own: the base of the install that this command belongs to. What the bundle names is
            never started: only where it is one of these two, or is replaced by the first.
        env: environment variables.
    """
    receipt = read_receipt(bundle.folder)
    asked = Trust(named=named, own=own).base_of(receipt)
    executable = Path((asked or receipt).base["executable"])
    again = f"{own_command(env)} recreate {shlex.quote(str(bundle.place))} --prefix DIR"
    findings: list[VerifyFinding] = []
    unchecked = []
    if not is_there(executable):
        text = f"the base of the bundle is not on this machine: there is no {executable}"
        remedy = f"name another base, CPython {receipt.minor} with pip: {again} --base PYTHON"
        if receipt.locked_base:
            remedy = f"`{again}` installs it: it is a Python from conda packages"
        findings = [VerifyFinding(Verdict.RELEVANT, text, remedy)]
    elif asked is None:
        unchecked.append(
            f"the base: {executable} is named by the bundle, and nothing that a bundle names is "
            f"started; where you trust it: --base {shlex.quote(str(executable))}"
        )
    else:
        remedy = f"`{again}` builds it again and reports which files differ"
        found = verify_base(asked, quick=False, env=env)
        findings = [replace(finding, remedy=remedy) for finding in found]
    if bundle.wheelhouse is None:
        unchecked.append("whether the packages are available: the bundle has no wheelhouse")
    return VerifyReport(
        root=bundle.place,
        version=receipt.version,
        findings=tuple(sorted(findings, key=lambda each: -each.verdict)),
        unchecked=tuple(unchecked),
        command=receipt.command,
    )
