"""`polaris-parsl pin`: a bundle that records what a result was computed with."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.cli.places import absolute, own_root
from polaris_parsl.cli.progress import leave_nothing_when_stopped, step
from polaris_parsl.cli.roots import Root
from polaris_parsl.cli.say import say


def pin(
    directory: Annotated[
        Path, typer.Argument(help="Directory to make, or one file if the name ends in .tar.zst.")
    ],
    *,
    run: Annotated[
        Path | None,
        typer.Option("--run", help="Run directory of Parsl to include, for instance runinfo/000."),
    ] = None,
    inputs: Annotated[
        list[Path] | None,
        typer.Option(
            "--input",
            help="A file that the run read: its name, size and sha256 are recorded, not its content. "
            "May be repeated.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    root: Root = None,
    wheelhouse: Annotated[
        bool,
        typer.Option(
            "--wheelhouse",
            help="Include every wheel, so that no network is needed to build it again.",
        ),
    ] = False,
    sign: Annotated[
        Path | None,
        typer.Option(
            "--sign",
            metavar="KEY",
            help="Sign the bundle with this SSH key: a private one, or a public one that your agent "
            "holds.",
            show_default=False,
        ),
    ] = None,
    with_base: Annotated[
        bool,
        typer.Option(
            "--with-base",
            help="With --wheelhouse: include the conda archives of the locked base, so that "
            "`recreate --base locked` needs no Python of the machine.",
        ),
    ] = False,
) -> None:
    """Make a bundle that records an install and a run, and can build the install again."""
    from polaris_parsl.pins.pin import make_pin  # noqa: PLC0415 - other verbs need none of it
    from polaris_parsl.pins.run_record import summary  # noqa: PLC0415 - as above

    if with_base and not wheelhouse:
        raise typer.BadParameter("--with-base adds to a wheelhouse: give --wheelhouse, too")
    leave_nothing_when_stopped()
    target, run_dir = absolute(directory), run and run.expanduser().absolute()
    made = make_pin(
        target,
        root=own_root(root),
        run_dir=run_dir,
        inputs=tuple(inputs or ()),
        with_wheelhouse=wheelhouse,
        key=sign and absolute(sign),
        with_base=with_base,
        env=os.environ,
        step=step,
    )
    for note in made.notes:
        say(f"warning: changed since the install was made: {note}", to_errors=True)
    say(f"pinned in {target}")
    say(f"  {made.distributions} distributions can be imported; each is listed once")
    if made.base_bytes:
        say(f"  conda archives of GNU Parallel and the locked base: {made.base_bytes / 1e6:.0f} MB")
    if made.run:
        if made.run["is_recorded"]:
            say(f"  run {made.run['run_id']}: {summary(made.run)}")
        else:
            say(f"warning: {run}: {made.run['note']}", to_errors=True)
        if own := made.run["own_packages"]:
            say(f"  packages of your own environment, listed but not built again: {len(own)}")
        say("  its configuration and job scripts name accounts and paths: read run/ first")
    say(f"  sha256 of SHA256SUMS: {made.identity}")
    if run_dir and made.run and made.run["is_recorded"]:
        _mark(run_dir, target, made.identity)
    say(f"next: polaris-parsl verify {shlex.quote(str(target))}")


def _mark(run_dir: Path, target: Path, identity: str) -> None:
    from polaris_parsl.pins.mark import mark_as_pinned  # noqa: PLC0415 - other verbs need none of it

    if reason := mark_as_pinned(run_dir, target, identity):
        say(f"note: reports of the run will not name this bundle: {reason}", to_errors=True)
