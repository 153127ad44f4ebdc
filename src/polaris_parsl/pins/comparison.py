"""Compares a bundle with this machine: whether its base is here and unchanged."""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from polaris_parsl.env.base.choice import is_there
from polaris_parsl.env.base.drift import Verdict, VerifyFinding
from polaris_parsl.env.prefix.verify import VerifyReport, verify_base
from polaris_parsl.env.receipt import read_receipt
from polaris_parsl.pins.bundle import Bundle


def verify_bundle(bundle: Bundle, *, env: Mapping[str, str]) -> VerifyReport:
    """The differences between the machine that a bundle was made on and this one.

    Args:
        bundle: a bundle from open_bundle, which has checked it.
        env: environment variables.
    """
    receipt = read_receipt(bundle.folder)
    executable = Path(receipt.base["executable"])
    again = f"polaris-parsl recreate {shlex.quote(str(bundle.place))} --prefix DIR"
    if not is_there(executable):
        text = f"the base of the bundle is not on this machine: there is no {executable}"
        remedy = f"name another base, CPython {receipt.minor} with pip: {again} --base PYTHON"
        findings = [VerifyFinding(Verdict.RELEVANT, text, remedy)]
    else:
        remedy = f"`{again}` builds it again and reports which files differ"
        found = verify_base(receipt, quick=False, env=env)
        findings = [replace(finding, remedy=remedy) for finding in found]
    unchecked = []
    if bundle.wheelhouse is None:
        unchecked.append("whether the packages are available: the bundle has no wheelhouse")
    return VerifyReport(
        root=bundle.place,
        version=receipt.version,
        findings=tuple(sorted(findings, key=lambda each: -each.verdict)),
        unchecked=tuple(unchecked),
        command=receipt.command,
    )
