"""Options of a configuration on the command line: NAME=VALUE, as many as there are."""

from typing import Annotated, Any

import typer

from polaris_parsl.options.sources import parse
from polaris_parsl.options.table import OPTIONS


def complete(incomplete: str) -> list[tuple[str, str]]:
    """What a shell offers for a word that is begun: names of options, each with its sentence."""
    words = ((f"{name}=", option.help) for name, option in OPTIONS.items())
    return [(word, text) for word, text in words if word.startswith(incomplete)]


UserOpts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME=VALUE]...",
        help="Options of polaris_parsl.config, for instance account=PROJECT nodes_per_block=3. "
        f"All of them: {', '.join(OPTIONS)}.",
        autocompletion=complete,
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
