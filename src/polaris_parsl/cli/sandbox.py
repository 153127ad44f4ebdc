"""`polaris-parsl sandbox`: run a command on a pretended login node."""

from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.sandbox.launch import run_sandbox

NODES_DEFAULT = 4


def sandbox(
    command: Annotated[
        list[str], typer.Argument(help="Command and its arguments; put -- before it.")
    ],
    nodes: Annotated[
        int, typer.Option("--nodes", help="Number of pretended compute nodes.", min=1)
    ] = NODES_DEFAULT,
    state: Annotated[
        Path | None,
        typer.Option("--state", help="Directory that keeps the jobs. [default: a temporary one]"),
    ] = None,
) -> None:
    """Run a command on a pretended login node, with qsub, qstat and qdel."""
    raise typer.Exit(run_sandbox(command, nodes=nodes, state=state))
