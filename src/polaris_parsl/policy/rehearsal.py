"""What the sandbox around us changes in our checks."""

import datetime
import os
from pathlib import Path

SANDBOX = "POLARIS_PARSL_SANDBOX"
MIN_WALLTIME = "POLARIS_PARSL_SANDBOX_MIN_WALLTIME"
SHARED = "POLARIS_PARSL_SANDBOX_SHARED"


def shortest_rehearsed() -> datetime.timedelta | None:
    """The walltime to which the sandbox lowers the queues' minimum; None outside of a sandbox.

    Its qsub and our own checks read the same variable.
    """
    seconds = os.environ.get(MIN_WALLTIME, "")
    if SANDBOX not in os.environ or not seconds.isdigit():
        return None
    return datetime.timedelta(seconds=int(seconds))


def shared_in_rehearsal() -> tuple[Path, ...]:
    """The directories that all nodes of the sandbox share; none outside of a sandbox."""
    if SANDBOX not in os.environ:
        return ()
    return tuple(Path(each) for each in os.environ.get(SHARED, "").split(os.pathsep) if each)
