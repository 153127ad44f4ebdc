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
    return {name: parse(name, text) for name, text in texts_of(words).items()}


def texts_of(words: list[str] | None) -> dict[str, str]:
    """The same as they were typed."""
    texts: dict[str, str] = {}
    for word in words or []:
        name, equals, text = word.partition("=")
        if not equals:
            raise typer.BadParameter(f"{word!r} is not of the form NAME=VALUE")
        if name in texts:
            raise typer.BadParameter(f"{name} is given twice")
        texts[name] = text
    return texts


def apart(given: list[str], command: list[str]) -> tuple[list[str], list[str]]:
    """The words before and behind --, which the command line itself no longer shows."""
    behind = command[command.index("--") + 1 :] if "--" in command else []
    count = len(behind) if behind and given[-len(behind) :] == behind else 0
    return given[: len(given) - count], given[len(given) - count :]
