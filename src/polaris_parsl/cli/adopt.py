"""`polaris-parsl adopt`: an existing configuration as a polaris_parsl.config call."""

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from polaris_parsl.cli.say import say
from polaris_parsl.cli.user_opts import apart, read_words


def _values(words: list[str]) -> dict[str, Any]:
    """The values that words of the form NAME=VALUE give; dictionaries and lists as JSON."""
    values = read_words(words)
    for name, value in values.items():
        if isinstance(value, str) and value.startswith(("{", "[")):
            with contextlib.suppress(ValueError):
                values[name] = json.loads(value)
    return values


def adopt(
    file: Annotated[
        Path,
        typer.Argument(
            help="A Python file or notebook with a Parsl configuration, the YAML or template of a "
            "Globus Compute endpoint, or a PBS job script."
        ),
    ],
    given: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME=VALUE]... [-- ARGUMENT...]",
            help="Arguments for a function or method of FILE that makes the configuration, or values of a "
            "template; behind --, arguments of FILE itself.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Translate a configuration or job script, and list its mistakes."""
    from polaris_parsl.adopt import reading  # noqa: PLC0415 - parsl takes its time

    words, arguments = apart(given or [], sys.argv)
    configurations = reading.adopt(file, _values(words), os.environ, arguments)
    say("import polaris_parsl")
    for number, each in enumerate(configurations, 1):
        for finding in each.findings:
            say(f"{file}:{finding.line}: {finding.rule} {finding.text}", to_errors=True)
            say(f"  {finding.remedy}", to_errors=True)
        name = "config" if len(configurations) == 1 else f"config{number}"
        if not each.uses_nodes:
            say(
                f"\n# from {file.name}, line {each.line}: no call, because it uses no compute nodes"
            )
            continue
        say(f"\n# from {file.name}, line {each.line}")
        say(f"{name} = {reading.call_text(each.options)}")
    say("The rules are explained in docs/adopt.md.", to_errors=True)
