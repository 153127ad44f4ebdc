"""Stand-ins for modules that this machine lacks, and what a function or class of a file needs.

The process that reads a file uses it; so it imports the standard library only.
"""

import inspect
from typing import Any
from unittest.mock import MagicMock


class AbsentBase:
    """Base of classes whose own base this machine lacks: takes fields by name, as pydantic's."""

    def __init_subclass__(cls, **_: Any) -> None:
        """Give each field that is described, as by pydantic's Field(default=1), its default."""
        for name in inspect.get_annotations(cls):
            described = vars(cls).get(name)
            if isinstance(described, Absent):
                default = described.__dict__.get("default", described)
            elif type(described).__name__ == "FieldInfo":
                default = described.default  # type: ignore[union-attr]
            else:
                continue
            if default is ... or type(default).__name__ == "PydanticUndefinedType":
                delattr(cls, name)
            else:
                setattr(cls, name, default)

    def __init__(self, *_: Any, **values: Any) -> None:
        self.__dict__.update(values)


class Absent(MagicMock):
    """A module, or something in it, that this machine lacks; classes can be made on top of it."""

    def __call__(self, *args: Any, **values: Any) -> Any:
        """What an absent function returns: for one that describes a field, with the default of the field."""
        if "default" not in values and args[:1] != (...,):
            return super().__call__(*args, **values)
        described = Absent()
        described.__dict__["default"] = values.get("default", ...)
        return described

    def __mro_entries__(self, _bases: Any) -> tuple[type, ...]:
        return (AbsentBase,)


def parameters_of(target: Any) -> tuple[list[str], list[str]]:
    """The names of the parameters of a function or class, and of those without a default."""
    if (
        isinstance(target, type)
        and vars(target).get("__init__") is None
        and AbsentBase in target.__mro__
    ):
        fields = [name for each in target.__mro__ for name in inspect.get_annotations(each)]
        return fields, [name for name in fields if not hasattr(target, name)]
    parameters = inspect.signature(target).parameters.values()
    wanted = [
        each for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    needed = [each.name for each in wanted if each.default is each.empty]
    return [each.name for each in wanted], needed
