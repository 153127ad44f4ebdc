"""Compares the modulefiles of an install with its receipt and the state of its prefix."""

from pathlib import Path

from polaris_parsl.env.base.drift import Verdict, VerifyFinding
from polaris_parsl.env.prefix.publish_modulefiles import find_changed
from polaris_parsl.errors import PolarisParslError
from polaris_parsl.installs import prefix_of


def verify_modulefiles(root: Path) -> tuple[list[VerifyFinding], list[str]]:
    """Compare the modulefiles of a published install with its receipt and the state of its prefix.

    Returns:
        What was found; what could not be compared.
    """
    findings, unchecked = [], []
    try:
        for each in find_changed(prefix_of(root)):
            if each.version in {None, root.name}:
                text = f"{each.path}: {each.text}"
                if each.made_by:
                    unchecked.append(text)
                else:
                    findings.append(VerifyFinding(Verdict.BROKEN, text, each.remedy))
    except PolarisParslError as error:
        findings.append(VerifyFinding(Verdict.RELEVANT, error.problem, error.remedy))
    return findings, unchecked
