"""Parsl on ALCF Polaris: one call from account, queue, nodes and walltime to a parsl.Config.

    import parsl
    import polaris_parsl

    with parsl.load(polaris_parsl.config(account="MYPROJECT", walltime="1:00:00")):
        ...

Importing this package imports neither parsl nor anything else outside the
standard library; parsl is imported when a configuration is built.
"""

from typing import TYPE_CHECKING, Any

from polaris_parsl.errors import PolarisParslError, PolarisParslWarning
from polaris_parsl.version import VERSION as __version__

if TYPE_CHECKING:
    from polaris_parsl.configuration import config as config

__all__ = ["PolarisParslError", "PolarisParslWarning", "__version__", "config"]


def __getattr__(name: str) -> Any:
    if name == "config":
        from polaris_parsl.configuration import config  # noqa: PLC0415 - it imports parsl

        return config
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
