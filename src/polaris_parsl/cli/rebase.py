"""`polaris-parsl rebase`: a version again, on another base."""

import os
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.cli.places import absolute, own_prefix, own_root
from polaris_parsl.cli.progress import leave_nothing_when_stopped, step
from polaris_parsl.cli.roots import Mirror, Root, Wheelhouse
from polaris_parsl.cli.say import say
from polaris_parsl.env.modules.module_system import how_to_load
from polaris_parsl.installs import LOCKED, prefix_of, version_root


def rebase(
    version: Annotated[
        str | None,
        typer.Argument(
            help="Version of this command's prefix. [default: the version of this command]",
            show_default=False,
        ),
    ] = None,
    *,
    base: Annotated[
        str,
        typer.Option(
            "--base",
            help="`locked`: the Python of conda-lock.yml; or a conda prefix or an interpreter, "
            "CPython 3.11-3.13.",
            show_default=False,
        ),
    ],
    root: Root = None,
    prefix: Annotated[
        Path | None,
        typer.Option(
            "--prefix",
            help="Directory to install into. [default: the prefix of the version]",
            show_default=False,
        ),
    ] = None,
    wheelhouse: Wheelhouse = None,
    conda_mirror: Mirror = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan; write nothing to the prefix.")
    ] = False,
) -> None:
    """Build a version again on another base, with the same locks.

    It becomes a version of its own, VERSION+locked or VERSION+rebased, beside the old one.
    """
    from polaris_parsl.pins import rebase as pins  # noqa: PLC0415 - other verbs need none of it

    if version and root:
        raise typer.BadParameter("give a VERSION or --root, not both")
    leave_nothing_when_stopped()
    old = version_root(own_prefix(None), version) if version else own_root(root)
    made, said = pins.rebase(
        old,
        base=base if base == LOCKED else str(absolute(Path(base))),
        prefix=absolute(prefix) if prefix else prefix_of(old),
        wheelhouse=wheelhouse and absolute(wheelhouse),
        mirror=conda_mirror,
        dry_run=dry_run,
        env=os.environ,
        step=step,
    )
    if dry_run:
        say(said.rstrip())
        return
    say(f"installed in {made}, with the locks of {old.name}")
    say(f"next: {how_to_load(made.parents[1], made.name, os.environ)}")
