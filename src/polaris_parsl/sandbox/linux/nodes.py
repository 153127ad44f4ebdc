"""A pretended node: its names, the environment of its processes, and how a process enters it.

For a running process the two isolations differ only in `environment` and `enter`
of `SandboxNode`.
"""

import contextlib
import itertools
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.policy.rehearsal import SANDBOX, SHARED
from polaris_parsl.sandbox.linux import syscalls
from polaris_parsl.sandbox.settings import Isolation, Settings

LOGIN = 0
LOOPBACK_ADDRESS = "127.0.0.1"
STATE = SANDBOX
JOB = "POLARIS_PARSL_SANDBOX_JOB"
# The sandbox's own variables, which `qsub -V` must not carry to another node.
OURS = re.compile(r"POLARIS_PARSL_(SANDBOX.*|ADDRESS)|LD_PRELOAD")


class Namespaces(NamedTuple):
    """The namespaces of a node, by file descriptor and with Linux's names."""

    net: int
    uts: int
    mnt: int


@dataclass(frozen=True)
class SandboxNode:
    """A login (number 0) or compute node.

    On loopback it has no namespaces. In `sessions` are the sessions of the processes that were
    started on it.
    """

    name: str
    number: int
    environment: Mapping[str, str]
    namespaces: Namespaces | None = None
    sessions: set[int] = field(default_factory=set, compare=False)

    @property
    def fqdn(self) -> str:
        """The name with its domain, as in PBS_NODEFILE."""
        return f"{self.name}.{polaris().node.domain}"

    def enter(self) -> None:
        """Move the calling process to this node."""
        syscalls.set_node_number(self.number)
        for fd in self.namespaces or ():
            syscalls.enter_namespace(fd)

    @contextlib.contextmanager
    def files(self) -> Iterator[None]:
        """Let the paths that are used meanwhile be those of this node."""
        if self.namespaces is None:
            yield
            return
        ours = os.open("/proc/self/ns/mnt", os.O_RDONLY)
        syscalls.enter_namespace(self.namespaces.mnt)
        try:
            yield
        finally:
            syscalls.enter_namespace(ours)
            os.close(ours)


def node_names(count: int) -> list[str]:
    """The first `count` host names that fit the system's naming scheme."""
    allowed = re.compile(polaris().node.hostname_pattern)
    places = itertools.product(range(1000), range(64), range(8))
    names = (f"x3{cabinet:03d}c0s{slot}b{board}n0" for cabinet, slot, board in places)
    known = (name for name in names if allowed.match(name) and not name.startswith("x3000"))
    return list(itertools.islice(known, count))


def host_names(settings: Settings) -> list[str]:
    """Names of the login node and of the compute nodes of a sandbox, in this order."""
    return [polaris().login_hostname, *node_names(settings.nodes)]


def node_environment(settings: Settings, *, is_login: bool) -> dict[str, str]:
    """The variables that the sandbox sets for every process on a node."""
    environment = {
        STATE: str(settings.state),
        SHARED: os.pathsep.join(str(folder) for folder in settings.shared),
    }
    if not is_login:
        environment["POLARIS_PARSL_SANDBOX_CPUS"] = str(polaris().node.threads)
    if settings.isolation is Isolation.LOOPBACK:
        environment |= {
            "POLARIS_PARSL_ADDRESS": LOOPBACK_ADDRESS,
            "POLARIS_PARSL_SANDBOX_NAMES": " ".join(host_names(settings)),
        }
    already = os.environ.get("LD_PRELOAD", "") if is_login else ""
    environment["LD_PRELOAD"] = f"{settings.preload} {already}".strip()
    return environment
