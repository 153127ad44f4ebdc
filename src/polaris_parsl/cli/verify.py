"""`polaris-parsl verify`: whether an install and its base still are what they were."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.errors import PrefixError


def verify(
    root: Annotated[
        Path | None,
        typer.Option(
            "--root",
            help="The install, PREFIX/versions/VERSION. [default: the one that this command "
            "belongs to, else that of the loaded module]",
        ),
    ] = None,
    files: Annotated[
        bool, typer.Option("--files", help="Read every file; without it, a look of a second.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare an install and its base with the receipt.

    Exit codes: 0 intact, 10 cosmetic (something that the install does not use has changed),
    11 relevant (something that it uses has changed), 12 broken (it cannot work, or is not
    what was installed).
    """
    from polaris_parsl.env.inspection import inspect_install  # noqa: PLC0415 - other verbs need none of it

    chosen = Path(os.path.normpath((root or _own()).expanduser().absolute()))
    report = inspect_install(chosen, every_file=files, env=os.environ)
    if as_json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        version = f"polaris-parsl {report.version} in " if report.version else ""
        print(f"{report.verdict.word}: {version}{report.root}")
        for finding in report.findings:
            print(f"  {finding.verdict.word}: {finding.text}")
        for text in report.unchecked:
            print(f"  not checked: {text}")
        if report.remedy:
            print(f"  fix: {report.remedy}")
    raise typer.Exit(report.verdict)


def _own() -> Path:
    own = Path(sys.prefix).parent
    if (own / "bin" / "polaris-parsl").is_file():
        return own
    loaded = os.environ.get("POLARIS_PARSL_ROOT")
    if loaded:
        return Path(loaded)
    raise PrefixError(
        "this polaris-parsl belongs to no install, and no polaris-parsl module is loaded",
        remedy="name an install: --root PREFIX/versions/VERSION",
    )
