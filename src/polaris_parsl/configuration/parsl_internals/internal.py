"""An inner part of Parsl, and how it is seen that a release still has it."""

import importlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import CodeType
from typing import Any


@dataclass(frozen=True)
class Internal:
    """A part of Parsl that polaris_parsl uses, although Parsl does not promise to keep it.

    Attributes:
        owner: dotted name of the module or class that has it.
        attribute: its name there.
        purpose: what polaris_parsl uses it for.
        since: the first release that has it as it is used here; those before 2023.2.27 were not
            looked at. Releases before `since` are not checked for it.
        used_in: dotted names of Parsl's functions that must use it; replacing what Parsl no longer
            reads would do nothing, without a word.
        set_in: dotted name of the function that sets it, where only instances have it.
        is_as_expected: whether what is found is what is expected, for what a name does not tell.
        source_has: texts that the source of a module must have; the module is not imported.
    """

    owner: str
    attribute: str
    purpose: str
    since: str
    used_in: tuple[str, ...] = ()
    set_in: str = ""
    is_as_expected: Callable[[Any], bool] | None = None
    source_has: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its whole name."""
        return f"{self.owner}.{self.attribute}"

    def is_there(self) -> bool:
        """Whether the installed Parsl has it, uses it, and it is what is expected."""
        try:
            if self.source_has:
                source = source_of(self.name)
                return all(text in source for text in self.source_has)
            users = (self.set_in, *self.used_in) if self.set_in else self.used_in
            if not all(self.attribute in _names_in(find(user)) for user in users):
                return False
            found = None if self.set_in else find(self.name)
            if getattr(found, "__isabstractmethod__", False):
                return False
            return self.is_as_expected is None or self.is_as_expected(found)
        except (ImportError, AttributeError):
            return False


def find(name: str) -> Any:
    """What a dotted name stands for: a module, or what a module or a class in it has.

    Raises:
        ImportError: Parsl has no such module.
        AttributeError: the module has no such thing.
    """
    first, *parts = name.split(".")
    found: Any = importlib.import_module(first)
    for count, part in enumerate(parts, 1):
        if inspect.ismodule(found) and not hasattr(found, part):
            found = importlib.import_module(".".join([first, *parts[:count]]))
        else:
            found = getattr(found, part)
    return found


def source_of(module: str) -> str:
    """The source of a module, which is not imported.

    Raises:
        ImportError: there is no such module.
    """
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ImportError(f"there is no {module}")
    return Path(spec.origin).read_text(encoding="utf-8")


def _names_in(function: Any) -> frozenset[str]:
    """The names and texts that the code of a function uses."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return frozenset(_names_of(code)) if code else frozenset()


def _names_of(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_of(constant)
        elif isinstance(constant, str):
            yield constant
        elif isinstance(constant, tuple):
            yield from (each for each in constant if isinstance(each, str))
