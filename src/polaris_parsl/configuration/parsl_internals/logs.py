"""Parsl's logs without the records that none of them takes.

Parsl makes every record of its debug level, some thirty for each task, and its handlers then drop
those below their own level.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from parsl import log_utils

from polaris_parsl.configuration.parsl_internals.internal import Internal

_PARSL = "parsl"
_UTILS = "parsl.log_utils"
_NODES = "parsl.executors.high_throughput"

INTERNALS = (
    Internal(
        _UTILS,
        "set_file_logger",
        "sets up the logs of interchange, pools and workers, which then make no record that they drop",
        "2026.2.23",
        (f"{_NODES}.interchange.Interchange.__init__",),
    ),
)


def make_what_is_logged() -> None:
    """Let the logs that this process sets up from now on make no record below their level."""
    set_up = log_utils.set_file_logger

    def set_up_at_level(
        filename: str,
        name: str = _PARSL,
        level: int = logging.DEBUG,
        format_string: str | None = None,
    ) -> Callable[[], None]:
        end = set_up(filename, name, level, format_string)
        logging.getLogger(name).setLevel(level)
        return end

    log_utils.set_file_logger = set_up_at_level


def leave_out_debug(log: Path) -> None:
    """Let Parsl make no records of its debug level in this process, if only one log would take them.

    Args:
        log: which is not to have them.
    """
    parsls = logging.getLogger(_PARSL)
    others = [
        each
        for each in parsls.handlers
        if not isinstance(each, logging.NullHandler)
        and getattr(each, "baseFilename", "") != str(log)
    ]
    is_wanted = logging.getLogger().isEnabledFor(logging.DEBUG)
    if not is_wanted and all(each.level >= logging.INFO for each in others):
        parsls.setLevel(logging.INFO)
