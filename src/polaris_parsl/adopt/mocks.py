"""MagicMock, which the standard library imports with asyncio: half the time of the process that reads a file.

The process that reads a file uses it; so it imports the standard library only.
"""

import importlib
import inspect
import sys
import types
from typing import Any

_NAME = "asyncio"


class _WhenAsked(types.ModuleType):
    """asyncio, imported when a mock asks it for more than this."""

    iscoroutinefunction = staticmethod(inspect.iscoroutinefunction)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # `from asyncio import` looks for its __path__
            raise AttributeError(name)
        return getattr(importlib.import_module(_NAME), name)


_known = sys.modules.get(_NAME)
sys.modules[_NAME] = _known or _WhenAsked(_NAME)
try:
    from unittest.mock import MagicMock
finally:
    if _known is None:
        del sys.modules[_NAME]

__all__ = ["MagicMock"]
