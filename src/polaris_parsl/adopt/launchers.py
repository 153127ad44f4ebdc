"""Reads a launcher of Parsl: whether it starts one pool of workers on every node, unbound."""

import re
from typing import Any

from polaris_parsl.adopt.python_file import Call
from polaris_parsl.adopt.rules import Findings
from polaris_parsl.adopt.shell_lines import ShellLines

_ONE_NODE = ("SimpleLauncher", "SingleNodeLauncher")
_ONE_POOL = re.compile(r"-ppn[ =]1\b")
_OURS = 'mpiexec starts one unbound pool on every node, as launcher="mpiexec" is the default'


def launcher_options(
    launcher: Call | None, line: int, *, several_nodes: bool, shell: ShellLines, findings: Findings
) -> dict[str, Any]:
    """The option that stands for a launcher.

    Args:
        launcher: its call; None where the provider's default is used.
        line: where the provider stands.
        several_nodes: whether a block has more than one.
        shell: the provider's worker_init.
        findings: what is noted goes there.
    """
    name = launcher.name if launcher else _ONE_NODE[1]
    if launcher is None or name in _ONE_NODE:
        if several_nodes:
            findings.add("PP303", line, f"{name} starts workers on the first node only", _OURS)
        return {}
    if name == "GnuParallelLauncher":
        if not shell.readies_parallel:
            findings.add(
                "PP309",
                launcher.line,
                "without a run of `parallel --record-env` before, no worker starts",
                "polaris_parsl makes the file for each job",
            )
        return {"launcher": "gnu_parallel"}
    arguments = launcher.arguments
    if name == "MpiExecLauncher":
        bind = arguments.get("bind_cmd", "--bind-to")
        if bind != "--cpu-bind":
            findings.add(
                "PP302",
                launcher.line,
                f"bind_cmd={bind!r}, to which Parsl adds the word none; PALS knows --cpu-bind",
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


def _check_mpiexec(words: str, line: int, shell: ShellLines, findings: Findings) -> None:
    if not _ONE_POOL.search(words):
        findings.add(
            "PP301", line, f"no `--ppn 1` in {words!r}: PALS may place pools unevenly", _OURS
        )
    if "TMPDIR=" not in words and not shell.sets_tmpdir:
        findings.add(
            "PP305",
            line,
            "PALS sets one that ends in `OSError: AF_UNIX path too long` (Parsl issue 3947)",
            "polaris_parsl sets it on every node",
        )
