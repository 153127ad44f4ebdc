"""Imports Parsl without what workers never use of it; standard library only."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# Parsl's provider for Amazon's cloud imports it wherever it is installed.
_NOT_USED = "boto3"
# typeguard looks for extensions of itself in every package of the environment.
_NO_EXTENSIONS = "TYPEGUARD_DISABLE_PLUGIN_AUTOLOAD"


@contextmanager
def lean_imports() -> Iterator[None]:
    """Import Parsl without boto3, and without checks of the types of arguments.

    What a task imports later is complete: afterwards, boto3, typeguard and the environment are as
    they were.
    """
    hidden = _NOT_USED not in sys.modules
    extensions = os.environ.get(_NO_EXTENSIONS)
    os.environ[_NO_EXTENSIONS] = "1"
    if hidden:
        sys.modules[_NOT_USED] = None  # type: ignore[assignment]
    try:
        import typeguard  # noqa: PLC0415 (only now does it see the variable)

        checked = typeguard.typechecked
        # it would read and compile the source of what it checks
        typeguard.typechecked = _unchecked
        try:
            yield
        finally:
            typeguard.typechecked = checked
    finally:
        if hidden:
            del sys.modules[_NOT_USED]
        if extensions is None:
            del os.environ[_NO_EXTENSIONS]
        else:
            os.environ[_NO_EXTENSIONS] = extensions


def _unchecked(target: Callable[..., Any] | None = None, **_options: object) -> Any:
    return target if target is not None else _unchecked
