"""Writes a table as YAML that neither Jinja nor YAML misreads: every value stays a value."""

import json
import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from polaris_parsl.configuration.settings import Setting
from polaris_parsl.endpoint.engine import Choice, Table

_WIDTH = 100
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
# The beginnings of Jinja's tags.
_JINJA = re.compile(r"\{(?=[{%#])")


def render(table: Table, *, head: Iterable[str]) -> str:
    """The text of a user_config_template.yaml.j2.

    Args:
        table: content of the template.
        head: lines of a comment at the top.
    """
    comment = [line for text in head for line in _comment(text, "")]
    return "\n".join([*comment, "", *_lines(table, "")]) + "\n"


def text(value: str) -> str:
    """YAML's double-quoted form of a text, without quotes and without tags of Jinja."""
    quoted = "".join(_ESCAPES.get(char) or _printable(char) for char in value)
    return _JINJA.sub(r"\\x7b", quoted)


def _printable(char: str) -> str:
    return char if " " <= char <= "~" else f"\\U{ord(char):08x}"


def _lines(table: Table, indent: str) -> Iterable[str]:
    for name, entry in table.items():
        if isinstance(entry, Setting):
            if entry.value is None:
                continue  # the loader would drop it
            yield from _comment(entry.why, indent)
            yield f"{indent}{name}: {_value(entry.value, indent)}"
        else:
            yield f"{indent}{name}:"
            yield from _lines(entry, f"{indent}  ")


def _comment(why: str, indent: str) -> list[str]:
    begin = f"{indent}# "
    words = _JINJA.sub("{ ", " ".join(why.split()))
    return textwrap.wrap(words, _WIDTH, initial_indent=begin, subsequent_indent=begin)


def _value(value: Any, indent: str) -> str:
    if isinstance(value, Choice):
        return _choice(value, indent)
    if isinstance(value, str):
        return f'"{_text(value, indent)}"'
    if isinstance(value, list):
        return f"[{', '.join(_value(each, indent) for each in value)}]"
    if isinstance(value, Mapping):
        raise TypeError("a table within a setting")
    return json.dumps(value)


def _text(value: str, indent: str) -> str:
    """The quoted form with the text's line breaks: YAML drops an escaped break."""
    first, *rest = (text(line) for line in value.split("\n"))
    lines = "".join([first, *(f"\\\n{indent}  \\n{line}" for line in rest)])
    # a tag of Jinja may follow it
    return f"{lines[:-1]}\\x7b" if lines.endswith("{") else lines


def _choice(choice: Choice, indent: str) -> str:
    """The user's value if there is one. The loader passes it quoted, as JSON."""
    if not isinstance(choice.default, str):
        return _either(choice.name, choice.name, json.dumps(choice.default))
    inner = _either(choice.name, f"{choice.name}[1:-1]", _text(choice.default, indent))
    return f'"{_text(choice.before, indent)}{inner}{_text(choice.after, indent)}"'


def _either(name: str, given: str, default: str) -> str:
    return f"{{% if {name} is defined %}}{{{{ {given} }}}}{{% else %}}{default}{{% endif %}}"
