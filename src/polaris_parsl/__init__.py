"""Parsl on ALCF Polaris: one call from account, queue, nodes and walltime to a parsl.Config.

    import parsl
    import polaris_parsl

    with parsl.load(polaris_parsl.config(account="MYPROJECT", walltime="1:00:00")):
        ...

Importing this package imports neither parsl nor anything else outside the
standard library; parsl is imported when a configuration is built.
"""

from polaris_parsl.version import VERSION as __version__

# As typing has it, which costs more than all of this; type checkers know the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from polaris_parsl.configuration.config import config as config
    from polaris_parsl.configuration.explain import explain as explain
    from polaris_parsl.configuration.progress import progress as progress
    from polaris_parsl.errors import PolarisParslError as PolarisParslError
    from polaris_parsl.errors import PolarisParslWarning as PolarisParslWarning

__all__ = [
    "PolarisParslError",
    "PolarisParslWarning",
    "__version__",
    "config",
    "explain",
    "progress",
]

_ERRORS = ("PolarisParslError", "PolarisParslWarning")
# These import parsl or threads, so only when they are asked for.
_MODULES = {
    "config": "polaris_parsl.configuration.config",
    "explain": "polaris_parsl.configuration.explain",
    "progress": "polaris_parsl.configuration.progress",
}


def __getattr__(name: str) -> object:
    import importlib  # noqa: PLC0415 - `import polaris_parsl` costs next to nothing

    if name in _ERRORS:
        return getattr(importlib.import_module("polaris_parsl.errors"), name)
    if name in _MODULES:
        parsl_version = importlib.import_module("polaris_parsl.configuration.parsl_version")
        parsl_version.check_parsl()
        internals = importlib.import_module("polaris_parsl.configuration.parsl_internals.check")
        internals.check_parsl_internals()
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
