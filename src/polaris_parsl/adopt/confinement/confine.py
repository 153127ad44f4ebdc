"""Holds this process before it runs a foreign file, by all that the kernel offers."""

import signal

from polaris_parsl import kernel
from polaris_parsl.adopt.confinement.landlock import forbid_writing
from polaris_parsl.adopt.confinement.limits import limit_resources
from polaris_parsl.adopt.confinement.namespaces import enter_namespaces
from polaris_parsl.adopt.confinement.seccomp import forbid_system_calls


def confine() -> tuple[str, ...]:
    """Hold this process, for good. It must be alone in its session, with one thread.

    With namespaces it goes on as a child of itself, and the parent ends when that has ended.

    Returns:
        Descriptions of what holds it, beside the limits, which hold everywhere.
    """
    kernel.die_with_parent(signal.SIGKILL)
    held = enter_namespaces()
    limit_resources()
    kernel.gain_no_privileges()
    held += forbid_writing()
    return held + forbid_system_calls()
