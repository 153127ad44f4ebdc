"""The verbs as typer takes them: each is imported when it is used, not when they are listed."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from polaris_parsl.cli.table import PANELS, Verb, help_text, works_here

# What the root of the command and each verb take alike.
CONTEXT = {"help_option_names": ["-h", "--help"]}


class Verbs(TyperGroup):
    """All verbs, in their panels."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        for panel, verbs in PANELS.items():
            for verb in verbs:
                self.add_command(LazyVerb(verb, panel))

    def get_help(self, _context: Any) -> str:
        """The help of the command, which is the same however it is asked for."""
        return help_text()


class LazyVerb(TyperCommand):
    """A verb in the list, which is imported when it is used."""

    def __init__(self, verb: Verb, panel: str) -> None:
        super().__init__(
            verb.name, help=verb.sentence, rich_help_panel=panel, hidden=not works_here(verb)
        )
        self.verb = verb

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Parse the arguments of the verb, by its own function."""
        second = ""
        if self.verb.second and args[:1] == [self.verb.second]:
            second, info_name, args = self.verb.second, f"{info_name} {args[0]}", args[1:]
        return command_of(self.verb, second).make_context(info_name, args, parent, **extra)


def command_of(verb: Verb, second: str = "") -> Any:
    """A verb with its own arguments and options, by its own function; or what its second word makes of it."""
    module = import_module(f"polaris_parsl.cli.{verb.name}")
    app = typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, context_settings=CONTEXT
    )
    app.command(verb.name)(getattr(module, second or verb.function))
    return typer.main.get_command(app)
