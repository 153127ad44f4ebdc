#!/usr/bin/env python3
"""Print every error that polaris_parsl raises: its text, its remedy and its exit code, as Markdown.

    .venv/bin/python scripts/messages.py

They are read from the code. The site shows them on the page on troubleshooting.
"""

import ast
import functools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from polaris_parsl import errors

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "polaris_parsl"
ANY = "…"
CLASSES = {
    name: int(each.exit_code)
    for name, each in vars(errors).items()
    if isinstance(each, type) and issubclass(each, errors.PolarisParslError)
}


@dataclass(frozen=True, order=True)
class Message:
    """An error that can be raised.

    Attributes:
        problem: its text, with ANY for what depends on the case.
        remedy: what it says to do.
        kind: the class.
        exit_code: of the command that meets it.
    """

    problem: str
    remedy: str
    kind: str
    exit_code: int


@functools.cache
def messages() -> list[Message]:
    """All errors whose text stands in the code, by text."""
    found = {each for path in PACKAGE.rglob("*.py") for each in _in(path)}
    return sorted(found, key=lambda each: (each.problem.lstrip(ANY + " ").lower(), each))


def _in(path: Path) -> Iterator[Message]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            kind, named = node.func.id, {each.arg: each.value for each in node.keywords}
            if kind in CLASSES and "remedy" in named:
                problem, remedy = _text(node.args[0]), _text(named["remedy"])
                if any(char.isalpha() for char in problem):
                    yield Message(problem, remedy, kind, CLASSES[kind])


def _text(node: ast.expr) -> str:
    """What an expression says, with ANY for its values."""
    if isinstance(node, ast.JoinedStr):
        return _joined("".join(_text(each) for each in node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _joined(_text(node.left) + _text(node.right))
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.IfExp):
        return f"{_text(node.body)} / {_text(node.orelse)}"
    return ANY


def _joined(text: str) -> str:
    while ANY + ANY in text:
        text = text.replace(ANY + ANY, ANY)
    return text


def table() -> str:
    """The messages as a table in Markdown."""
    lines = ["| text | what to do | exit code |", "|---|---|---|"]
    for each in messages():
        remedy = "" if each.remedy == ANY else _cell(each.remedy)
        lines.append(f"| {_cell(each.problem)} | {remedy} | {each.exit_code} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """The text in a cell, where nothing is markup."""
    plain = " ".join(text.split()).replace("`", "'").replace("|", "\\|")
    return f"`` {plain} ``"


if __name__ == "__main__":
    sys.stdout.write(table())
