"""`polaris-parsl adopt`: an existing configuration as a polaris_parsl.config call."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.adopt.answer import printable
from polaris_parsl.cli.user_opts import read_words


def adopt(
    file: Annotated[
        Path, typer.Argument(help="A Python file with a Parsl configuration, or a PBS job script.")
    ],
    given: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME=VALUE]...",
            help="Arguments for a function of FILE that makes the configuration.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Translate a configuration or job script, and list its mistakes."""
    from polaris_parsl.adopt import reading  # noqa: PLC0415 - parsl takes its time

    configurations = reading.adopt(file, read_words(given), os.environ)
    print("import polaris_parsl")
    for number, each in enumerate(configurations, 1):
        for finding in each.findings:
            text = printable(finding.text)
            print(f"{file}:{finding.line}: {finding.rule} {text}", file=sys.stderr)
            print(f"  {printable(finding.remedy)}", file=sys.stderr)
        name = "config" if len(configurations) == 1 else f"config{number}"
        print(f"\n# from {file.name}, line {each.line}")
        print(f"{name} = {reading.call_text(each.options)}")
    print("The rules are explained in docs/adopt.md.", file=sys.stderr)
