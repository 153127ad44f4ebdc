"""`polaris-parsl explain`: every value that Parsl gets, who set it, and why."""

import json
from typing import Annotated

import typer

from polaris_parsl.cli.say import say
from polaris_parsl.cli.user_opts import UserOpts, read_words


def explain(
    options: UserOpts = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every value that polaris_parsl.config passes to Parsl, and who set it.

    It also shows why, and from which source.
    """
    import polaris_parsl  # noqa: PLC0415 - parsl takes its time, and other verbs need none

    explanation = polaris_parsl.explain(**read_words(options))
    if as_json:
        say(json.dumps(explanation.as_json(), indent=2))
    else:
        say(str(explanation))
