"""Parsl on ALCF Polaris: one call from account, queue, nodes and walltime to a parsl.Config.

    import parsl
    import polaris_parsl

    with parsl.load(polaris_parsl.config(account="MYPROJECT", walltime="1:00:00")):
        ...

Importing this package imports neither parsl nor anything else outside the
standard library; parsl is imported when a configuration is built.
"""

import importlib
from typing import TYPE_CHECKING, Any

from polaris_parsl.configuration.parsl_version import check_parsl
from polaris_parsl.errors import PolarisParslError, PolarisParslWarning
from polaris_parsl.version import VERSION as __version__

if TYPE_CHECKING:
    from polaris_parsl.configuration.config import config as config
    from polaris_parsl.configuration.explain import explain as explain
    from polaris_parsl.configuration.progress import progress as progress

__all__ = [
    "PolarisParslError",
    "PolarisParslWarning",
    "__version__",
    "config",
    "explain",
    "progress",
]

# These import parsl or threads, so only when they are asked for.
_MODULES = {
    "config": "polaris_parsl.configuration.config",
    "explain": "polaris_parsl.configuration.explain",
    "progress": "polaris_parsl.configuration.progress",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        check_parsl()
        internals = importlib.import_module("polaris_parsl.configuration.parsl_internals.check")
        internals.check_parsl_internals()
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
