"""`polaris-parsl recreate`: build the install of a bundle again, and compare it."""

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polaris_parsl.cli.places import absolute
from polaris_parsl.cli.progress import leave_nothing_when_stopped, step
from polaris_parsl.cli.roots import AllowedSigners
from polaris_parsl.cli.say import say
from polaris_parsl.env.modules.module_system import how_to_load
from polaris_parsl.env.variables import own_command
from polaris_parsl.errors import BundleError, ExitCode
from polaris_parsl.installs import is_locked

if TYPE_CHECKING:
    from polaris_parsl.pins.bundle import Bundle
    from polaris_parsl.pins.recreate import Recreated

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
            help="Python to build on: a conda prefix or an interpreter; or `locked`: the Python of "
            "the bundle's conda-lock.yml. [default: the base of the bundle]",
        ),
    ] = None,
    trust: Annotated[
        str | None,
        typer.Option(
            "--trust",
            metavar="SHA256",
            help="The sha256 of SHA256SUMS of the bundle whose source may run. [default: ask]",
        ),
    ] = None,
    allowed_signers: AllowedSigners = None,
) -> None:
    """Build the install of a bundle again, and compare every file.

    This runs the polaris-parsl inside the bundle, with your rights: only if you say so, if
    `--trust` names the bundle, or if a signer whom you allow has signed it.

    Exit codes: 0 every file is the same to the byte, 11 a file differs.
    """
    from polaris_parsl.pins import recreate as pins  # noqa: PLC0415 - other verbs need none of it
    from polaris_parsl.pins.packed import opened  # noqa: PLC0415
    from polaris_parsl.pins.signature import signer_of  # noqa: PLC0415

    leave_nothing_when_stopped()
    place = absolute(bundle)
    named = base if is_locked(base) else base and base.expanduser().absolute()
    with opened(place) as whole:
        signer = signer_of(whole, allowed_signers, os.environ) if allowed_signers else ""
        command = pins.command(whole, prefix=absolute(prefix), base=named)
        _show(whole, command, signer)
        again = ["recreate", str(bundle), "--prefix", str(prefix)]
        again += ["--base", str(base)] if base else []
        if trust or not signer:
            _refuse_distrusted(whole, trust, f"{own_command(os.environ)} {shlex.join(again)}")
        made = pins.recreate(whole, prefix=absolute(prefix), base=named, env=os.environ, step=step)
    _print_recreated(made)
    raise typer.Exit(ExitCode.RELEVANT if made.differing else ExitCode.DONE)


def _show(whole: "Bundle", command: list[str], signer: str) -> None:
    """What is going to run, and whose it is."""
    version = whole.receipt["version"]
    say(f"to be run with your rights: the polaris-parsl {version} of {whole.place}", to_errors=True)
    say(f"  {shlex.join(command)}", to_errors=True)
    say(f"  sha256 of SHA256SUMS: {whole.identity}", to_errors=True)
    unchecked = "somebody: --allowed-signers FILE says who" if whole.is_signed else "nobody"
    say(f"  signed by {signer or unchecked}", to_errors=True)


def _refuse_distrusted(whole: "Bundle", trust: str | None, again: str) -> None:
    """Go on only if the user trusts this bundle, by its sha256 or by saying so."""
    identity = whole.identity
    if trust:
        if trust.lower() == identity:
            return
        raise BundleError(
            f"{whole.place} is not the bundle that --trust names: it is {identity}",
            remedy="do not run it; get the bundle again from its author",
        )
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise BundleError(
            f"{whole.place} was not run: nobody has said that it is to be trusted",
            remedy="compare the sha256 with the one that its author published, then type: "
            f"{again} --trust {identity}",
        )
    if not typer.confirm("run it?", err=True):
        raise BundleError(
            f"{whole.place} was not run, and nothing was written", remedy="answer y to run it"
        )


def _print_recreated(made: "Recreated") -> None:
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
