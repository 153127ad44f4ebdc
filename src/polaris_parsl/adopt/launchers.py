"""Reads a launcher of Parsl: does it start one unbound worker pool on every node?"""

import re
from typing import Any

from polaris_parsl.adopt.python_file import ParslCall
from polaris_parsl.adopt.rules import AdoptFindings
from polaris_parsl.adopt.shell_lines import ShellLines

_ONE_NODE = ("SimpleLauncher", "SingleNodeLauncher")
_ONE_POOL = re.compile(r"-ppn[ =]1\b")
_OURS = 'the call\'s default launcher, "mpiexec", starts one unbound pool on every node'


def launcher_options(
    launcher: ParslCall | None,
    line: int,
    *,
    several_nodes: bool,
    shell: ShellLines,
    findings: AdoptFindings,
) -> dict[str, Any]:
    """The option that equals a launcher.

    Args:
        launcher: the call that makes the launcher; None for the provider's default.
        line: the line of the provider.
        several_nodes: whether a block has more than one node.
        shell: the provider's worker_init.
        findings: the list that the notes are added to.
    """
    name = launcher.name if launcher else _ONE_NODE[1]
    if launcher is None or name in _ONE_NODE:
        if several_nodes:
            findings.add("PP303", line, f"{name} starts workers on the first node only", _OURS)
        return {}
    if name == "GnuParallelLauncher":
        if not shell.prepares_parallel:
            findings.add(
                "PP309",
                launcher.line,
                "no worker starts unless `parallel --record-env` has run before",
                "polaris_parsl writes the file for each job",
            )
        return {"launcher": "gnu_parallel"}
    arguments = launcher.arguments
    if name == "MpiExecLauncher":
        bind = arguments.get("bind_cmd", "--bind-to")
        if bind != "--cpu-bind":
            findings.add(
                "PP302",
                launcher.line,
                f"bind_cmd={bind!r}, to which Parsl adds the word none; PALS takes --cpu-bind",
                _OURS,
            )
        _check_mpiexec(str(arguments.get("overrides", "")), launcher.line, shell, findings)
    elif name == "WrappedLauncher" and "mpiexec" in str(arguments.get("prepend", "")):
        _check_mpiexec(str(arguments["prepend"]), launcher.line, shell, findings)
    elif name == "WrappedLauncher" and several_nodes:
        findings.add("PP303", launcher.line, f"{name} without mpiexec", _OURS)
    else:
        findings.add("PP302", launcher.line, f"{name} does not call PALS' mpiexec", _OURS)
    return {}


def _check_mpiexec(words: str, line: int, shell: ShellLines, findings: AdoptFindings) -> None:
    if not _ONE_POOL.search(words):
        findings.add(
            "PP301", line, f"no `--ppn 1` in {words!r}: PALS may place pools unevenly", _OURS
        )
    if "TMPDIR=" not in words and not shell.sets_tmpdir:
        findings.add(
            "PP305",
            line,
            "the one that PALS sets leads to `OSError: AF_UNIX path too long` (Parsl issue 3947)",
            "polaris_parsl sets a short one on every node",
        )
