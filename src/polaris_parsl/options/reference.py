"""The options described, from their table: the docstring and signature of `config`, docs/options.md."""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any, TypeVar

from polaris_parsl.facts.polaris import reason_for_default
from polaris_parsl.options.option import Option
from polaris_parsl.options.sources import variable
from polaris_parsl.options.table import OPTIONS

_Function = TypeVar("_Function", bound=Callable[..., Any])
_MARK = "{user_opts}"
_WIDTH = 92
_HEAD = """\
# The options of `polaris_parsl.config`

Made by `scripts/reference_pages.py` from the [table of options](../src/polaris_parsl/options/table). Give an option as an
argument of `config`, in the environment (`{account}` and so on), in `polaris-parsl.toml`, or as `NAME=VALUE`
to `polaris-parsl explain`, `script` and `endpoint`; [who sets a value](configuration.md#who-sets-a-value) says which wins.
None counts as left out. A default without a source is this package's own choice; `polaris-parsl explain` names each, too.
"""


def takes_user_opts(function: _Function) -> _Function:
    """Give a function that takes **user_opts a signature and a docstring with all options."""
    parameters = [
        inspect.Parameter(
            each.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=each.type
        )
        for each in OPTIONS.values()
    ]
    returns = inspect.signature(function).return_annotation
    shown: Any = function
    shown.__signature__ = inspect.Signature(parameters, return_annotation=returns)
    text = inspect.cleandoc(function.__doc__ or "")
    options = textwrap.indent(options_in_words(), " " * 4)
    function.__doc__ = text.replace(_MARK, f"all of them by keyword.\n\n{options}")
    return function


def options_in_words() -> str:
    """All options by theme, each with type, meaning and default."""
    lines = []
    for theme, options in _by_theme():
        lines += ["", f"{theme}:"]
        for option in options:
            text = f"{option.name} ({option.type_in_words}): {_help(option)}"
            text += f" Default: {option.default_in_words}."
            lines += textwrap.wrap(
                text,
                _WIDTH,
                initial_indent="  ",
                subsequent_indent=" " * 6,
                break_long_words=False,
                break_on_hyphens=False,
            )
    return "\n".join(lines[1:])


def reference_page() -> str:
    """The text of docs/options.md."""
    lines = [_HEAD.format(account=variable("account"))]
    for theme, options in _by_theme():
        lines += [
            f"## {theme}",
            "",
            "| option | type | unit | default | source of the default | what it is |",
            "|---|---|---|---|---|---|",
        ]
        for option in options:
            default = option.otherwise or f"`{option.default_value!r}`"
            reason, source = reason_for_default(option.name)
            why = f", {reason}" if reason else ""
            scope = " For the whole run." if option.is_for_run else ""
            cells = [f"`{option.name}`", option.type_in_words, option.unit, default + why, source]
            cells.append(option.help + scope)
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        lines.append("")
    return "\n".join(lines)


def _by_theme() -> Iterator[tuple[str, list[Option]]]:
    for theme, options in groupby(OPTIONS.values(), key=lambda option: option.theme):
        yield theme, list(options)


def _help(option: Option) -> str:
    """The sentence, with the unit before its end where it does not name it."""
    unit = option.unit if option.unit.lower() not in option.help.lower() else ""
    return f"{option.help} Unit: {unit}." if unit else option.help
