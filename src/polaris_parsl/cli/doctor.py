"""`polaris-parsl doctor`: check an install, the shell and this machine, one line a check."""

import json
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polaris_parsl.cli.places import own_base, own_root, runs_here
from polaris_parsl.cli.progress import leave_nothing_when_stopped
from polaris_parsl.cli.roots import Root
from polaris_parsl.cli.say import say
from polaris_parsl.cli.user_opts import UserOpts, read_words
from polaris_parsl.driver import working_folder
from polaris_parsl.env.prefix.verify import Trust
from polaris_parsl.env.variables import of_user
from polaris_parsl.errors import ExitCode, PrefixError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polaris_parsl.doctor.findings import Result
    from polaris_parsl.doctor.here import Here


def doctor(
    options: UserOpts = None,
    root: Root = None,
    on_node: Annotated[
        bool,
        typer.Option(
            "--on-node",
            help="Also check the nodes of one block: those of the running job, or of a job that "
            "this command submits with the options and waits for.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check an install, the shell and this machine; name causes and remedies."""
    from polaris_parsl.doctor.findings import Status, examine  # noqa: PLC0415
    from polaris_parsl.doctor.here import Here  # noqa: PLC0415
    from polaris_parsl.doctor.registry import CHECKS  # noqa: PLC0415

    place = _root(root)
    trust = Trust(is_whole=place is not None and runs_here(place), own=own_base())
    here = Here(of_user(os.environ), working_folder(), place, read_words(options), trust)
    results = []
    for result in examine(CHECKS, here):
        results.append(result)
        if not as_json:
            _show(result)
    if on_node:
        # imports Parsl, and the install whose Parsl it is may be damaged
        from polaris_parsl.doctor.node_checks import examine_nodes  # noqa: PLC0415

        leave_nothing_when_stopped()
        of_nodes = list(examine_nodes(here, results))
        results += of_nodes
        if not as_json:
            _show_nodes(of_nodes)
    is_ill = any(each.finding.status is Status.PROBLEM for each in results)
    code = ExitCode.PROBLEM if is_ill else ExitCode.DONE
    if as_json:
        say(json.dumps(_as_json(results, here, code), indent=2))
    raise typer.Exit(code)


def _root(given: Path | None) -> Path | None:
    """The install to check; without one, the doctor checks everything else."""
    try:
        return own_root(given)
    except PrefixError:
        return None


def _show(result: "Result", nodes: "Sequence[str]" = ()) -> None:
    """Print a result, once for all nodes that share it."""
    where = f"{', '.join(nodes)}: " if nodes else ""
    finding = result.finding
    say(f"{finding.status:<8} {result.check:<11} {where}{finding.text}")
    if finding.remedy:
        say(f"  fix: {finding.remedy}")


def _show_nodes(results: "Sequence[Result]") -> None:
    checks = list(dict.fromkeys(each.check for each in results))
    nodes: dict[Result, list[str]] = {}
    for each in sorted(results, key=lambda each: checks.index(each.check)):
        nodes.setdefault(replace(each, node=""), []).append(each.node)
    for same, names in nodes.items():
        _show(same, [name for name in names if name])


def _as_json(results: "Sequence[Result]", here: "Here", code: int) -> dict[str, Any]:
    return {
        "exit_code": code,
        "host": socket.gethostname(),
        "root": str(here.root) if here.root else None,
        "results": [
            {
                "check": each.check,
                "node": each.node or None,
                "status": each.finding.status,
                "text": each.finding.text,
                "remedy": each.finding.remedy,
            }
            for each in results
        ],
    }
