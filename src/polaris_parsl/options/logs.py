"""What `initialize_logging` may be; Parsl is not imported for that."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from polaris_parsl.errors import OptionError

Level = Literal["INFO", "WARNING"]
# Where Parsl has its class; who has an object of it has imported that.
_PARSLS = "parsl.logconfigs.base"


class LogConfig(Protocol):
    """A log configuration of Parsl's."""

    def initialize_logging(self, *, log_dir: Path, log_name: str) -> Callable[[], None]:
        """Begin to log, and return what ends it."""


def logging_of_parsl(name: str, value: Any) -> bool | Level | LogConfig:
    """True, False, a level, or a log configuration of Parsl's."""
    kind = getattr(sys.modules.get(_PARSLS), "LogConfig", None)
    if kind is not None and isinstance(value, kind):
        configuration: LogConfig = value
        return configuration
    if isinstance(value, bool) or (isinstance(value, str) and value in get_args(Level)):
        taken: bool | Level = value  # type: ignore[assignment]
        return taken
    raise OptionError(
        f"{name}={value!r} says nothing about logs",
        remedy=f"use True, False, {' or '.join(map(repr, get_args(Level)))}, or an object of one of Parsl's "
        "classes, as parsl.logconfigs.file.FileLogging",
    )
