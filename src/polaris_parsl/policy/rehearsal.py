"""What the sandbox around us changes in the policy of the queues."""

import datetime
import os

SANDBOX = "POLARIS_PARSL_SANDBOX"
MIN_WALLTIME = "POLARIS_PARSL_SANDBOX_MIN_WALLTIME"


def shortest_rehearsed() -> datetime.timedelta | None:
    """The walltime to which the sandbox lowers the queues' minimum; None outside of a sandbox.

    Its qsub and our own checks read the same variable.
    """
    seconds = os.environ.get(MIN_WALLTIME, "")
    if SANDBOX not in os.environ or not seconds.isdigit():
        return None
    return datetime.timedelta(seconds=int(seconds))
