"""`polaris-parsl venv`: an environment for the user's own packages on top of an install."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.cli.places import absolute, own_root
from polaris_parsl.cli.progress import leave_nothing_when_stopped
from polaris_parsl.cli.roots import Root
from polaris_parsl.cli.say import say
from polaris_parsl.env.modules.module_system import how_to_load, module_tree
from polaris_parsl.env.modules.modulefile import modulefile
from polaris_parsl.env.prefix.publish_modulefiles import deprecation_notice
from polaris_parsl.env.prefix.state import read_state
from polaris_parsl.version import NAME


def venv(
    directory: Annotated[Path, typer.Argument(help="Directory to make.")],
    root: Root = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would change; change nothing.")
    ] = False,
) -> None:
    """Make an environment for your own packages on top of an install.

    It imports your packages, then the overlay, then the base.
    """
    from polaris_parsl.env.user.venv import PROVIDED, make_venv, plan_venv  # noqa: PLC0415 - other verbs need none of it

    leave_nothing_when_stopped()
    folder = absolute(directory)
    plan = plan_venv(folder, own_root(root), env=os.environ)
    state = read_state(plan.receipt.prefix)
    if notice := deprecation_notice(plan.receipt.release, state, state.default):
        say(f"warning: {notice}", to_errors=True)
    if not dry_run:
        make_venv(plan, env=os.environ)
    base = plan.receipt.base
    say(f"{'would make' if dry_run else 'made'} {plan.folder}")
    say("its Python imports, in this order, and nothing from ~/.local:")
    say("  1. what you install into it")
    say(f"  2. {NAME} {plan.receipt.release}: {plan.overlay}")
    say(f"  3. CPython {base['interpreter']['version']}: {base['prefix']}")
    if dry_run:
        say("next: the same command without --dry-run")
        return
    say("next:")
    prefix, release = plan.receipt.prefix, plan.receipt.release
    if modulefile(module_tree(prefix, os.environ), release).is_file():
        say(f"  {how_to_load(prefix, release, os.environ)}")
    say(f"  source {shlex.quote(str(plan.folder))}/bin/activate   # after the module")
    say("  pip install PACKAGE")
    provided = shlex.quote(str(plan.folder / PROVIDED))
    say(f"  or uv pip install --excludes {provided} PACKAGE   # uv sees neither 2 nor 3")
