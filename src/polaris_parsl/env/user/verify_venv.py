"""Looks at an environment on top of an install, and at what it is built on."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from polaris_parsl.env.base.drift import Verdict, VerifyFinding
from polaris_parsl.env.base.fingerprint import base_dependencies
from polaris_parsl.env.base.shadowed_packages import held
from polaris_parsl.env.prefix.publish_modulefiles import deprecation_notice
from polaris_parsl.env.prefix.state import read_state
from polaris_parsl.env.prefix.verify import VerifyReport, verify_install
from polaris_parsl.env.receipt import read_receipt
from polaris_parsl.env.user.venv import VenvPlan, read_venv
from polaris_parsl.env.variables import for_python
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.process import run
from polaris_parsl.version import NAME


def verify_venv(folder: Path, *, every_file: bool, env: Mapping[str, str]) -> VerifyReport:
    """Look whether an environment still works, and the install that it is built on.

    Args:
        folder: the environment.
        every_file: as for verify_install.
        env: environment variables of the user.

    Raises:
        PrefixError: the directory is not an environment that `polaris-parsl venv` made.
    """
    root = read_venv(folder)
    again = f"make the environment again on a version that stays: {NAME} venv DIR"
    if not root.is_dir():
        problem = f"{folder} is built on the install {root}, which is gone"
        gone = VerifyFinding(Verdict.BROKEN, problem, again)
        return VerifyReport(root, None, (gone,), (), ())
    report = verify_install(root, every_file=every_file, env=env)
    own: list[VerifyFinding] = []
    # where the install is broken, that says why
    if report.verdict is not Verdict.BROKEN:
        own += _findings(VenvPlan(folder, root, read_receipt(root)), again, env)
    return VerifyReport(
        root, report.version, (*own, *report.findings), report.unchecked, report.command
    )


def _findings(plan: VenvPlan, again: str, env: Mapping[str, str]) -> Iterator[VerifyFinding]:
    shown = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        minor = run([plan.python, "-I", "-c", shown], env=for_python(env)).stdout.strip()
    except OSError as error:
        minor = f"it does not start ({error.strerror})"
    if minor != plan.receipt.minor:
        problem = f"the Python of {plan.folder} is not the {plan.receipt.minor} of its install"
        yield VerifyFinding(Verdict.BROKEN, f"{problem}: {minor}", again)
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
