"""`polaris-parsl pin`: a bundle that says what a result was computed with, and builds it again."""

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.cli.progress import leave_nothing_when_stopped, step
from polaris_parsl.cli.roots import Root, absolute, own_root


def pin(
    directory: Annotated[
        Path, typer.Argument(help="Directory to make; a name as paper.tar.zst makes one file.")
    ],
    run: Annotated[
        Path | None,
        typer.Option("--run", help="Run directory of Parsl, as runinfo/000, to pin with it."),
    ] = None,
    root: Root = None,
    wheelhouse: Annotated[
        bool,
        typer.Option("--wheelhouse", help="Put every wheel inside, to build without a network."),
    ] = False,
) -> None:
    """Make a bundle of an install, for a paper: what it is, what was run, how to build it again."""
    from polaris_parsl.pins.pin import make_pin  # noqa: PLC0415 - other verbs need none of it

    leave_nothing_when_stopped()
    target = absolute(directory)
    made = make_pin(
        target,
        root=own_root(root),
        run_dir=run and run.expanduser().absolute(),
        with_wheelhouse=wheelhouse,
        env=os.environ,
        step=step,
    )
    for note in made.notes:
        print(f"warning: since the install was made: {note}", file=sys.stderr)
    print(f"pinned in {target}")
    print(f"  {made.distributions} distributions are imported, each listed once")
    if made.run:
        print(
            f"  run {made.run['run_id']}: {made.run['tasks']} tasks, {len(made.run['jobs'])} jobs"
        )
        if own := made.run["own_packages"]:
            print(f"  packages of the run's own environment, named and not built again: {len(own)}")
        print("  its configuration and job scripts name accounts and paths: read run/ first")
    print(f"  sha256 of SHA256SUMS: {made.identity}")
    print(f"next: polaris-parsl verify {shlex.quote(str(target))}")
