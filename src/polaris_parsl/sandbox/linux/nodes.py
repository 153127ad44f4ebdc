"""A pretended node: its names, what its processes find in their environment, how to get there.

Everything in which the two tiers differ for a running process is in `Node`:
`environment` and `enter`.
"""

import itertools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.sandbox.linux import syscalls
from polaris_parsl.sandbox.settings import Settings, Tier

LOOPBACK_ADDRESS = "127.0.0.1"
STATE = "POLARIS_PARSL_SANDBOX"
JOB = "POLARIS_PARSL_SANDBOX_JOB"
# Of the sandbox itself: what `qsub -V` must not carry to another node.
OURS = re.compile(r"POLARIS_PARSL_(SANDBOX.*|ADDRESS)|LD_PRELOAD")


@dataclass(frozen=True)
class Node:
    """A login (number 0) or compute node.

    Its namespaces are file descriptors; the loopback tier has none.
    """

    name: str
    number: int
    environment: Mapping[str, str]
    namespaces: tuple[int, ...] = field(default=())

    @property
    def fqdn(self) -> str:
        """The name with its domain, as PBS_NODEFILE has it."""
        return f"{self.name}.{polaris().node.domain}"

    def enter(self) -> None:
        """Move the calling process to this node."""
        syscalls.set_node_number(self.number)
        for fd in self.namespaces:
            syscalls.enter_namespace(fd)


def node_names(count: int) -> list[str]:
    """The first host names that the system's naming scheme allows."""
    allowed = re.compile(polaris().node.hostname_pattern)
    places = itertools.product(range(1000), range(64), range(8))
    names = (f"x3{cabinet:03d}c0s{slot}b{board}n0" for cabinet, slot, board in places)
    known = (name for name in names if allowed.match(name) and not name.startswith("x3000"))
    return list(itertools.islice(known, count))


def host_names(settings: Settings) -> list[str]:
    """Names of the login node and of the compute nodes of a sandbox, in this order."""
    return [polaris().login_hostname, *node_names(settings.nodes)]


def node_environment(settings: Settings, *, is_login: bool) -> dict[str, str]:
    """What every process on a node finds in its environment because of the sandbox."""
    environment = {STATE: str(settings.state)}
    if not is_login:
        environment["POLARIS_PARSL_SANDBOX_CPUS"] = str(polaris().node.threads)
    if settings.tier is Tier.LOOPBACK:
        environment |= {
            "POLARIS_PARSL_ADDRESS": LOOPBACK_ADDRESS,
            "POLARIS_PARSL_SANDBOX_NAMES": " ".join(host_names(settings)),
        }
    if not is_login or settings.tier is Tier.LOOPBACK:
        already = os.environ.get("LD_PRELOAD", "") if is_login else ""
        environment["LD_PRELOAD"] = f"{settings.preload} {already}".strip()
    return environment
