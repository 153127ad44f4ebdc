"""`polaris-parsl runs`: the runs of a directory."""

import json
import shlex
import time
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.cli.places import absolute
from polaris_parsl.cli.say import say
from polaris_parsl.report.as_text import table
from polaris_parsl.report.listing import list_runs, row_of

_HEAD = ["run", "began", "length", "state", "tasks", "failed", "blocks", "node-hours"]


def runs(
    directory: Annotated[
        Path,
        typer.Argument(metavar="[DIR]", help="Directory that holds run directories of Parsl."),
    ] = Path("runinfo"),
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the runs of a directory with state, tasks and node-hours."""
    found = list_runs(absolute(directory), time.time())
    if as_json:
        say(json.dumps(found, indent=1))
        return
    say("\n".join(table([_HEAD, *map(row_of, found)])))
    say(f"next: polaris-parsl report {shlex.quote(found[-1]['run_dir'])}")
