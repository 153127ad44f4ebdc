"""Looks at an environment on top of an install, and at what it is built on."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from polaris_parsl.env.base.drift import Verdict, VerifyFinding
from polaris_parsl.env.base.fingerprint import base_dependencies
from polaris_parsl.env.base.shadowed_packages import held
from polaris_parsl.env.prefix.publish_modulefiles import deprecation_notice
from polaris_parsl.env.prefix.state import read_state
from polaris_parsl.env.prefix.verify import WHOLE, Trust, VerifyReport, verify_install
from polaris_parsl.env.receipt import read_receipt
from polaris_parsl.env.user.venv import VenvPlan, read_venv
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.version import NAME


def verify_venv(
    folder: Path, *, every_file: bool, env: Mapping[str, str], trust: Trust = WHOLE
) -> VerifyReport:
    """Look whether an environment still works, and the install that it is built on.

    Args:
        folder: the environment.
        every_file: as for verify_install.
        env: environment variables of the user.
        trust: what of the install may be started; nothing of the environment is.

    Raises:
        PrefixError: the directory is not an environment that `polaris-parsl venv` made.
    """
    root = read_venv(folder)
    again = f"make the environment again on a version that stays: {NAME} venv DIR"
    if not root.is_dir():
        problem = f"{folder} is built on the install {root}, which is gone"
        gone = VerifyFinding(Verdict.BROKEN, problem, again)
        return VerifyReport(root, None, (gone,), (), ())
    report = verify_install(root, every_file=every_file, env=env, trust=trust)
    own: list[VerifyFinding] = []
    # where the install is broken, that says why
    if report.verdict is not Verdict.BROKEN:
        own += _findings(VenvPlan(folder, root, read_receipt(root)), again)
    return VerifyReport(
        root, report.version, (*own, *report.findings), report.unchecked, report.command
    )


def _findings(plan: VenvPlan, again: str) -> Iterator[VerifyFinding]:
    if problem := _python_problem(plan):
        text = f"the Python of {plan.folder} is not the {plan.receipt.minor} of its install"
        yield VerifyFinding(Verdict.BROKEN, f"{text}: {problem}", again)
    state = read_state(plan.receipt.prefix)
    if notice := deprecation_notice(plan.receipt.release, state, state.default):
        yield VerifyFinding(Verdict.RELEVANT, notice, again)
    base = plan.receipt.base
    used = plan.receipt.locked.union(base_dependencies(base))
    used |= polaris().protected.names & base["distributions"].keys()
    if names := used & held(plan.folder / plan.site_packages):
        listed = " ".join(sorted(names))
        yield VerifyFinding(
            Verdict.RELEVANT,
            f"{plan.folder} has of its own, before those of the install and its base: {listed}",
            f"if you do not need them: {shlex.quote(str(plan.folder / 'bin/pip'))} uninstall {listed}",
        )


def _python_problem(plan: VenvPlan) -> str:
    """What is wrong with the Python of an environment, by where its link leads; "" if nothing is."""
    lost = plan.python.resolve()
    if not lost.exists():
        return f"it does not start (there is no {lost})"
    if not lost.samefile(plan.receipt.base["executable"]):
        return f"it is {lost}"
    return ""
