"""`polaris-parsl explain`: every value that Parsl would be handed, who set it, and why."""

import json
from typing import Annotated

import typer

from polaris_parsl.cli.user_opts import UserOpts, read_words


def explain(
    options: UserOpts = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what polaris_parsl.config would hand to Parsl, who set each value, and why."""
    import polaris_parsl  # noqa: PLC0415 - parsl takes its time, and other verbs need none

    explanation = polaris_parsl.explain(**read_words(options))
    if as_json:
        print(json.dumps(explanation.as_json(), indent=2))
    else:
        print(explanation)
