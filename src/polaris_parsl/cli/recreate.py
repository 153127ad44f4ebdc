"""`polaris-parsl recreate`: build the install of a bundle again, and compare it."""

import os
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.cli.progress import leave_nothing_when_stopped, step
from polaris_parsl.cli.roots import absolute
from polaris_parsl.cli.say import say
from polaris_parsl.env.modules.module_system import how_to_load
from polaris_parsl.errors import ExitCode

_SHOWN = 20


def recreate(
    bundle: Annotated[
        Path, typer.Argument(help="Bundle that `polaris-parsl pin` made: a directory or a file.")
    ],
    prefix: Annotated[Path, typer.Option("--prefix", help="Directory to install into.")],
    base: Annotated[
        Path | None,
        typer.Option(
            "--base",
            help="Python to build on: a conda prefix or an interpreter. [default: the base of the "
            "bundle]",
        ),
    ] = None,
) -> None:
    """Build the install of a bundle again, and compare every file.

    Exit codes: 0 every file is the same to the byte, 11 a file differs.
    """
    from polaris_parsl.pins import recreate as pins  # noqa: PLC0415 - other verbs need none of it
    from polaris_parsl.pins.packed import opened  # noqa: PLC0415

    leave_nothing_when_stopped()
    with opened(absolute(bundle)) as whole:
        made = pins.recreate(
            whole,
            prefix=absolute(prefix),
            base=base and base.expanduser().absolute(),
            env=os.environ,
            step=step,
        )
    say(f"installed in {made.root}")
    say(f"  {made.same} files and links are the same, {len(made.differing)} differ")
    say(f"  not compared, because they contain the prefix: {', '.join(made.bound)}")
    for name in made.differing[:_SHOWN]:
        say(f"  differs: {name}")
    if len(made.differing) > _SHOWN:
        say(f"  and {len(made.differing) - _SHOWN} more")
    if made.differing:
        own = "the same to the byte" if made.is_own_same else "not the same"
        say(f"  Parsl and polaris_parsl, byte code aside: {own}")
    for text in made.packages:
        say(f"  package: {text}")
    for text in made.base:
        say(f"  base: {text}", to_errors=True)
    say(f"next: {how_to_load(made.root.parents[1], made.root.name, os.environ)}")
    raise typer.Exit(ExitCode.RELEVANT if made.differing else ExitCode.DONE)
