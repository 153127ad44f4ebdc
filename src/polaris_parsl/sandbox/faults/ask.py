"""Asks the daemon of a running sandbox for a fault."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polaris_parsl.errors import SandboxError
from polaris_parsl.sandbox.faults.fault import Fault
from polaris_parsl.sandbox.linux.nodes import STATE
from polaris_parsl.sandbox.programs import client

TOOL = "fault"


def ask_for(fault: Fault, *, state: Path | None) -> None:
    """Let a fault happen in the sandbox around us, or in the one with that state directory.

    Raises:
        SandboxError: there is no sandbox, or it refuses the fault.
    """
    _ask(state, {"fault": fault.as_dict()})


def ask_to_end(kind: str, *, state: Path | None) -> int:
    """End the faults of a kind, or all; returns how many were ended.

    Raises:
        SandboxError: there is no sandbox.
    """
    return int(_ask(state, {"end": kind})["ended"])


def _ask(state: Path | None, message: Mapping[str, object]) -> dict[str, Any]:
    named = str(state or os.environ.get(STATE, ""))
    if not named:
        raise SandboxError(
            "this is not a sandbox",
            remedy="call it inside `polaris-parsl sandbox -- COMMAND`, or name its directory with --state",
        )
    try:
        answer = client.ask(named, {"tool": TOOL, **message})
    except (OSError, EOFError, ValueError) as error:
        raise SandboxError(
            f"cannot connect to the sandbox in {named}: {error}", remedy="start it first"
        ) from error
    if "problem" in answer:
        raise SandboxError(str(answer["problem"]), remedy=str(answer["remedy"]))
    return answer
