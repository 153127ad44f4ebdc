"""What the table of options says about each of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.checks import Check

# Parsl's object that gets an option unchanged, under the same name.
Receiver = Literal["config", "executor", "provider", "pbs provider"]


@dataclass(frozen=True, kw_only=True)
class Option:
    """A row of the table.

    Attributes:
        help: what it is, in one sentence.
        check: takes name and value, returns the final value or refuses; None if `resolve` does.
        unit: of a number.
        default: the value that it has where nobody sets it, if facts/polaris.toml has none.
        otherwise: description of what happens if nobody sets it, for defaults that are not a value.
        is_for_run: whether it holds for the whole run, not for one executor.
        handed_to: Parsl's object that gets it unchanged, under the same name.
        for_endpoint_users: whether users of a Globus Compute endpoint may set it.
        pattern: of the text that those users may give.
        not_for_endpoint: why it has no meaning for an endpoint.
        name: filled in from the table.
        type: the same.
        theme: the same.
    """

    help: str
    check: Check | None
    unit: str = ""
    default: Any = None
    otherwise: str = ""
    is_for_run: bool = False
    handed_to: Receiver | None = None
    for_endpoint_users: bool = False
    pattern: str = ""
    not_for_endpoint: str = ""
    name: str = ""
    type: Any = None
    theme: str = ""

    @property
    def default_value(self) -> Any:
        """The value that it has where nobody sets it.

        Source: [defaults] in facts/polaris.toml.
        """
        return polaris().defaults.get(self.name, self.default)

    @property
    def is_text(self) -> bool:
        """Whether a text from the environment or the command line is the value, unread."""
        return all(_is_text(each) for each in _kinds(self.type))

    @property
    def type_in_words(self) -> str:
        """The type as a person says it."""
        return " or ".join(dict.fromkeys(_in_words(each) for each in _kinds(self.type)))

    @property
    def default_in_words(self) -> str:
        """What holds where nobody sets it."""
        return self.otherwise or repr(self.default_value)


def rows_of(*themes: type) -> Mapping[str, Option]:
    """The rows of TypedDicts whose keys are annotated with an Option, by name.

    Args:
        themes: their docstrings are the titles.
    """
    rows = {}
    for theme in themes:
        title = (theme.__doc__ or "").strip().rstrip(".")
        for name, annotated in get_type_hints(theme, include_extras=True).items():
            kind, option = get_args(annotated)
            rows[name] = replace(option, name=name, type=kind, theme=title)
    return rows


def _kinds(annotation: Any) -> list[Any]:
    """The types of a union, but for None."""
    union = get_args(annotation) if type(None) in get_args(annotation) else (annotation,)
    return [each for each in union if each is not type(None)]


def _is_text(kind: Any) -> bool:
    return kind in (str, Path, timedelta) or get_origin(kind) is Literal


def _in_words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(f'"{each}"' for each in get_args(kind))
    if get_origin(kind) is not None:
        outer, inner = get_origin(kind).__name__, get_args(kind)
        return f"list of {inner[0].__name__}" if outer == "Sequence" else "dict"
    return "datetime.timedelta" if kind is timedelta else str(kind.__name__)
