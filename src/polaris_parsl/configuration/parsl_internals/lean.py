"""Imports Parsl without what workers never use of it; standard library only.

Some of Parsl's executors look for programs and resolve links when they are imported.
"""

import functools
import importlib.machinery
import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from typing import Any

# Parsl's provider for Amazon's cloud imports it wherever it is installed.
_NOT_USED = "boto3"
# typeguard looks for extensions of itself in every package of the environment.
_NO_EXTENSIONS = "TYPEGUARD_DISABLE_PLUGIN_AUTOLOAD"
# What a user has given for the output of a task is checked nowhere but here, on the node.
_CHECKED = "get_std_fname_mode"


def image_finder() -> Any:
    """What finds modules in an image, None if this process has none."""
    named = (each for each in sys.meta_path if type(each).__name__ == "ImageFinder")
    return next(named, None)


def _known_version(finder: Any, ask: Callable[[str], str], name: str) -> str:
    """The version of a package: of one in an install, which is sealed, without a look at its files."""
    image = finder.image
    for folder in sys.path:
        root = image.roots.index(folder) if folder in image.roots else None
        changed, packages = image.distributions.get(root, (None, []))
        if changed == 0 and name in dict(packages):
            return str(dict(packages)[name])
        if root is None or changed:
            break
    return ask(name)


class _KnownFirst:
    """Python's finder, for dill, which asks it for numpy; what an image knows is not searched for."""

    def find_spec(self, name: str, *more: Any) -> Any:
        """Where a module is."""
        try:
            found = image_finder().find_spec(name)
        except ModuleNotFoundError:
            return None
        return found or PathFinder.find_spec(name, *more)


@contextmanager
def lean_imports() -> Iterator[None]:
    """Import Parsl without boto3, and without checks of the types of arguments.

    What a task imports later is complete: afterwards, boto3, typeguard and the environment are as
    they were.
    """
    ask, finder = importlib.metadata.version, image_finder()
    if finder is not None:
        importlib.metadata.version = functools.partial(_known_version, finder, ask)
        importlib.machinery.PathFinder = _KnownFirst  # type: ignore[assignment,misc]
    resolve, look_up = os.path.realpath, shutil.which
    hidden = _NOT_USED not in sys.modules
    extensions = os.environ.get(_NO_EXTENSIONS)
    os.environ[_NO_EXTENSIONS] = "1"
    if hidden:
        sys.modules[_NOT_USED] = None  # type: ignore[assignment]
    try:
        with unchecked_imports():
            os.path.realpath, shutil.which = os.path.abspath, _nowhere  # type: ignore[assignment]
            try:
                yield
            finally:
                os.path.realpath, shutil.which = resolve, look_up
    finally:
        importlib.metadata.version = ask
        importlib.machinery.PathFinder = PathFinder  # type: ignore[misc]
        if hidden:
            del sys.modules[_NOT_USED]
        if extensions is None:
            del os.environ[_NO_EXTENSIONS]
        else:
            os.environ[_NO_EXTENSIONS] = extensions


@contextmanager
def unchecked_imports() -> Iterator[None]:
    """Import Parsl without checks of the types of arguments, of which each reads and compiles a source."""
    import typeguard  # noqa: PLC0415 (it reads the environment)

    checked = typeguard.typechecked
    typeguard.typechecked = _unchecked
    try:
        yield
    finally:
        typeguard.typechecked = checked


def _nowhere(*_words: object, **_options: object) -> None:
    return None


def _unchecked(target: Callable[..., Any] | None = None, **_options: object) -> Any:
    if target is None:
        return _unchecked
    return _checked_where_odd(target) if getattr(target, "__name__", "") == _CHECKED else target


def _checked_where_odd(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the name and the mode of a file; typeguard reads its source only for another value."""

    @functools.wraps(function)
    def checked(name: str, given: object) -> Any:
        import typeguard  # noqa: PLC0415 (hardly any worker needs it)

        parts = given if isinstance(given, tuple) and len(given) == 2 else (given, "")
        is_well = isinstance(parts[0], str | os.PathLike) and isinstance(parts[1], str)
        return (function if is_well else typeguard.typechecked(function))(name, given)

    return checked
