"""`polaris-parsl adopt`: an existing configuration as a polaris_parsl.config call."""

import os
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.cli.say import say
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
    say("import polaris_parsl")
    for number, each in enumerate(configurations, 1):
        for finding in each.findings:
            say(f"{file}:{finding.line}: {finding.rule} {finding.text}", to_errors=True)
            say(f"  {finding.remedy}", to_errors=True)
        name = "config" if len(configurations) == 1 else f"config{number}"
        say(f"\n# from {file.name}, line {each.line}")
        say(f"{name} = {reading.call_text(each.options)}")
    say("The rules are explained in docs/adopt.md.", to_errors=True)
