"""`polaris-parsl kernel`: a Jupyter kernel of an install, or of an environment on top of it."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.cli.places import absolute, own_root
from polaris_parsl.cli.roots import Root
from polaris_parsl.cli.say import say
from polaris_parsl.errors import PrefixError
from polaris_parsl.version import NAME


def kernel(
    *,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            help="Name of the kernel. [default: polaris-parsl-VERSION, or the name of the environment]",
        ),
    ] = None,
    user: Annotated[
        bool, typer.Option("--user", help="Install it for yourself. This is the default.")
    ] = False,
    prefix: Annotated[
        Path | None,
        typer.Option(
            "--prefix",
            help="Install it into PREFIX/share/jupyter, for instance of a Jupyter server.",
        ),
    ] = None,
    venv: Annotated[
        Path | None,
        typer.Option("--venv", help="Run it in this environment, made by `polaris-parsl venv`."),
    ] = None,
    root: Root = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the kernel.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would change; change nothing.")
    ] = False,
) -> None:
    """Install a Jupyter kernel that starts through the module of an install."""
    from polaris_parsl.env.user import jupyter  # noqa: PLC0415 - other verbs need none of it
    from polaris_parsl.env.user.venv import read_venv  # noqa: PLC0415

    if user and prefix:
        raise typer.BadParameter("give --user or --prefix, not both")
    if venv and root:
        raise typer.BadParameter("give --venv or --root, not both: an environment has its install")
    environment = venv and absolute(venv)
    chosen = read_venv(environment) if environment else own_root(root)
    kernels = jupyter.kernels_folder(prefix and absolute(prefix), os.environ)
    folder = jupyter.kernel_folder(kernels, name, chosen, environment)
    if remove:
        if not folder.exists():
            raise PrefixError(
                f"there is no kernel {folder}", remedy="see `jupyter kernelspec list`"
            )
        jupyter.refuse_foreign(folder)
        if not dry_run:
            jupyter.remove_kernel(folder)
        say(f"{'would remove' if dry_run else 'removed'} the kernel {folder.name}: {folder}")
        return
    plan = jupyter.plan_kernel(folder, chosen, venv=environment, env=os.environ)
    if not dry_run:
        jupyter.install_kernel(plan)
    say(f"{'would install' if dry_run else 'installed'} the kernel {folder.name} in {folder}")
    say(f"  shown as: {plan.specification['display_name']}")
    say(f"  runs: {plan.python}, with ipykernel {plan.ipykernel}")
    say(f"  starts: {plan.how}")
    if dry_run:
        say(f"{folder / jupyter.START}:")
        say("".join(f"  {line}\n" for line in plan.start.splitlines()), end="")
        say("next: the same command without --dry-run")
        return
    where = f" --prefix {shlex.quote(str(prefix))}" if prefix else ""
    say("next: choose it in Jupyter, after reloading the page; to undo it:")
    say(f"  {NAME} kernel --remove --name {folder.name}{where}")
