"""`polaris-parsl verify`: whether an install and its base are unchanged."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.cli.places import absolute, own_base, own_root, runs_here
from polaris_parsl.cli.roots import AllowedSigners, Root
from polaris_parsl.cli.say import say
from polaris_parsl.env.prefix.verify import Trust, VerifyReport, verify_install


def verify(
    directory: Annotated[
        Path | None,
        typer.Argument(
            help="A bundle of `polaris-parsl pin`, to compare with this machine, or an environment "
            "of `polaris-parsl venv`. [default: an install]",
            show_default=False,
        ),
    ] = None,
    *,
    root: Root = None,
    files: Annotated[
        bool,
        typer.Option("--files", help="Read every file; without it, a quick check takes a second."),
    ] = False,
    base: Annotated[
        Path | None,
        typer.Option(
            "--base",
            help="The Python to compare with, for a bundle or another install than that of this "
            "command or the loaded one. [default: the base of this command, if the same is named]",
            show_default=False,
        ),
    ] = None,
    allowed_signers: AllowedSigners = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare an install and its base with the receipt, or a bundle with this machine.

    For an environment of `polaris-parsl venv` it also checks that the environment fits its install.

    Exit codes: 0 intact, 10 cosmetic (something changed that the install does not use),
    11 relevant (something changed that it uses), 12 broken (it cannot work, or is not
    what was installed), 14 the bundle is damaged.
    """
    if directory is None:
        place = own_root(root)
        trust = _trust(place, base)
        report = verify_install(place, every_file=files, env=os.environ, trust=trust)
    elif root is not None:
        raise typer.BadParameter("give a directory or --root, not both")
    elif ((place := absolute(directory)) / "pyvenv.cfg").is_file():
        report = _verify_venv(place, base, every_file=files)
    else:
        report = _verify_bundle(place, base and absolute(base), allowed_signers)
    if as_json:
        say(json.dumps(report.as_json(), indent=2))
    else:
        version = f"polaris-parsl {report.version} in " if report.version else ""
        say(f"{report.verdict.word}: {version}{report.root}")
        for finding in report.findings:
            say(f"  {finding.verdict.word}: {finding.text}")
        for text in report.unchecked:
            say(f"  not checked: {text}")
        if report.remedy:
            say(f"  fix: {report.remedy}")
    raise typer.Exit(report.verdict)


def _trust(root: Path, base: Path | None) -> Trust:
    """What may be started to look at an install: all of one that runs here anyway."""
    named = base and absolute(base)
    return Trust(is_whole=runs_here(root), named=named, own=own_base())


def _verify_venv(place: Path, base: Path | None, *, every_file: bool) -> VerifyReport:
    from polaris_parsl.env.user.venv import read_venv  # noqa: PLC0415
    from polaris_parsl.env.user.verify_venv import verify_venv  # noqa: PLC0415

    trust = _trust(read_venv(place), base)
    return verify_venv(place, every_file=every_file, env=os.environ, trust=trust)


def _verify_bundle(place: Path, named: Path | None, signers: Path | None) -> VerifyReport:
    from polaris_parsl.pins.comparison import verify_bundle  # noqa: PLC0415
    from polaris_parsl.pins.packed import opened  # noqa: PLC0415
    from polaris_parsl.pins.signature import signer_of  # noqa: PLC0415

    with opened(place) as bundle:
        say(
            f"complete: {len(bundle.sums)} files; sha256 of SHA256SUMS: {bundle.identity}",
            to_errors=True,
        )
        if signers:
            say(f"signed by {signer_of(bundle, signers, os.environ)}", to_errors=True)
        return verify_bundle(bundle, named=named, own=own_base(), env=os.environ)
