"""Options of a configuration on the command line: NAME=VALUE, as many as there are."""

from typing import Annotated, Any

import typer

from polaris_parsl.options.sources import parse

UserOpts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME=VALUE]...",
        help="Options of polaris_parsl.config, for instance account=PROJECT nodes_per_block=3.",
        show_default=False,
    ),
]


def read_words(words: list[str] | None) -> dict[str, Any]:
    """The options that words of the form NAME=VALUE set."""
    options: dict[str, Any] = {}
    for word in words or []:
        name, equals, text = word.partition("=")
        if not equals:
            raise typer.BadParameter(f"{word!r} is not of the form NAME=VALUE")
        if name in options:
            raise typer.BadParameter(f"{name} is given twice")
        options[name] = parse(name, text)
    return options
