"""`polaris-parsl wheelhouse`: collect what an install needs on a machine without a network."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.cli.progress import leave_nothing_when_stopped, step
from polaris_parsl.cli.roots import Mirror
from polaris_parsl.cli.say import say
from polaris_parsl.env.installer.conda_archives import refuse_bad_mirror
from polaris_parsl.env.installer.wheelhouse import ARCHIVES, MISSING, PYTHONS, make_wheelhouse
from polaris_parsl.env.pip_settings import set_up_like_pip
from polaris_parsl.env.release_names import CURRENT
from polaris_parsl.files import source_tree


def wheelhouse(
    directory: Annotated[Path, typer.Argument(help="Directory to make.")],
    track: Annotated[
        str,
        typer.Option(
            "--track",
            help="Set of Python packages, `mep` or `monitoring`: those of environment-NAME.yml.",
        ),
    ] = CURRENT,
    python: Annotated[
        list[str] | None,
        typer.Option(
            "--python", help="Only for bases of this Python, for instance 3.12. May be repeated."
        ),
    ] = None,
    with_base: Annotated[
        bool,
        typer.Option(
            "--with-base", help="Collect the archives of the locked base, too (`--base locked`)."
        ),
    ] = False,
    conda_mirror: Mirror = None,
) -> None:
    """Collect all that an install needs without a network."""
    source_tree("wheelhouse")
    leave_nothing_when_stopped()
    target = directory.expanduser().absolute()
    pythons = python or PYTHONS
    refuse_bad_mirror(conda_mirror)
    made = make_wheelhouse(
        target,
        track=track,
        pythons=pythons,
        env=set_up_like_pip(os.environ),
        step=step,
        with_base=with_base,
        mirror=conda_mirror,
    )
    if made.missing:
        say(
            f"warning: without GNU Parallel: {made.silence}; missing are the conda archives "
            f"{', '.join(package.archive for package in made.missing)}\n  fix: collect again where "
            f"the channel answers, or put them into {target / ARCHIVES} ({MISSING} lists the URLs)",
            to_errors=True,
        )
    say(f"collected in {target}:")
    say(f"  {made.wheels} wheels for Python {', '.join(pythons)}")
    say(f"  {made.archives} conda archives")
    say(f"  {made.source}")
    say("next, on the other machine:")
    say(f"  tar -xf {shlex.quote(str(target / made.source))}")
    options = "" if track == CURRENT else f" --track {track}"
    options += " --base locked" if with_base else ""
    script = f"{made.source.removesuffix('.tar.gz')}/scripts/install.sh"
    say(f"  {script} --wheelhouse {shlex.quote(str(target))}{options}")
