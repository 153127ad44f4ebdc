"""Fills in the template of a Globus Compute endpoint, as the endpoint does with its user's values.

Somebody else wrote the template. So it may print values, give defaults and choose by `if`, which takes
no longer than reading it, and nothing else.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, TemplateError, UndefinedError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from polaris_parsl.errors import AdoptError

_SUFFIX, _YAML = ".j2", (".yaml", ".yml")
_FILLED_IN = ("{{", "{%")
_FILTERS = ("d", "default", "int", "lower", "string", "trim", "upper")
_READ = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.CondExpr,
    nodes.Test, nodes.Filter, nodes.Getitem, nodes.Slice, nodes.Compare, nodes.Operand, nodes.Not,
    nodes.And, nodes.Or, nodes.Neg,
)  # fmt: skip


def is_template(file: Path, text: str) -> bool:
    """Whether a file is a template, by its name, or YAML with places that are to be filled in."""
    return file.suffix == _SUFFIX or (
        file.suffix in _YAML and any(mark in text for mark in _FILLED_IN)
    )


def fill_in(file: Path, text: str, given: Mapping[str, Any]) -> str:
    """The YAML that a template gives.

    Args:
        file: the template, for messages.
        text: what is in it.
        given: values of its variables; the endpoint quotes those that are text.

    Raises:
        AdoptError: it is no template, does more than to fill in values, or lacks one.
    """
    jinja = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    values = {
        name: json.dumps(value) if isinstance(value, str) else value
        for name, value in given.items()
    }
    try:
        _refuse_more(file, jinja.parse(text))
        return jinja.from_string(text).render(values)
    except UndefinedError as error:
        raise AdoptError(
            f"{file} is a template, and a value is missing: {error.message}",
            remedy="give it after the file as NAME=VALUE",
        ) from error
    except (TemplateError, TypeError, ValueError, LookupError) as error:
        raise AdoptError(
            f"{file} is no template that can be filled in: {error}",
            remedy="fill it in by hand, and adopt the YAML",
        ) from error


def _refuse_more(file: Path, tree: nodes.Template) -> None:
    for node in tree.find_all(nodes.Node):
        is_read = isinstance(node, _READ)
        if isinstance(node, nodes.Filter):
            is_read = node.name in _FILTERS
        if not is_read:
            what = getattr(node, "name", "") or type(node).__name__.lower()
            raise AdoptError(
                f"{file}, line {node.lineno}: {what} of its template is not followed",
                remedy="fill it in by hand, and adopt the YAML",
            )
