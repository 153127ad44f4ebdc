"""Parsl's log, from a level on: here, in the interchange and in the workers."""

import importlib
import importlib.util
import logging
from typing import Any

import parsl

from polaris_parsl.errors import OptionError
from polaris_parsl.options.options import ExecutorOptions

_FILES = "parsl.logconfigs.file"


def check_log(asked: Any) -> None:
    """Refuse a level where Parsl knows none.

    Raises:
        OptionError: this Parsl has no log configurations.
    """
    if isinstance(asked, str) and importlib.util.find_spec(_FILES.rpartition(".")[0]) is None:
        raise OptionError(
            f"initialize_logging={asked!r} needs Parsl's log configurations, which Parsl "
            f"{parsl.__version__} lacks",
            remedy="use a newer Parsl, or initialize_logging=False",
        )


def leaves_out_debug(options: ExecutorOptions) -> bool:
    """Whether Parsl's own log lacks the records of its debug level; the interchange's goes by the same."""
    return options.value("initialize_logging") is True and not options.value("worker_debug")


def log_of(asked: Any) -> Any:
    """What Parsl gets for initialize_logging."""
    if not isinstance(asked, str):
        return asked
    files: Any = importlib.import_module(_FILES)
    return files.FileLogging(level=logging.getLevelNamesMapping()[asked])
