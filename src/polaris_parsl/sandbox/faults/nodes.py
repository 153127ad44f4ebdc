"""Faults of nodes: they die, return, or lose their network."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

from polaris_parsl.errors import SandboxError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.sandbox.event_loop import EventLoop
from polaris_parsl.sandbox.faults.fault import Fault
from polaris_parsl.sandbox.linux.nodes import SandboxNode
from polaris_parsl.sandbox.linux.processes import on_node
from polaris_parsl.sandbox.linux.spawn import send_signal
from polaris_parsl.sandbox.pbs.server import DOWN, Server

HEAD, LAST = "head", "last"


@dataclass
class NodeFaults:
    """Finds the node of a fault, and does the fault to it."""

    event_loop: EventLoop
    server: Server

    def check(self, fault: Fault) -> None:
        """Refuse a node that there is not, and what the isolation does not allow.

        Raises:
            SandboxError: there is no such node, or it has no network of its own.
        """
        target = fault.target or LAST
        if target not in {HEAD, LAST, *self.server.nodes}:
            raise SandboxError(
                f"{fault}: the sandbox has no node {target}",
                remedy=f"give a name of `pbsnodes -a`, or {HEAD} or {LAST}: of the job that runs",
            )
        if fault.kind == "cut" and not all(n.namespaces for n in self.server.nodes.values()):
            raise SandboxError(
                f"{fault}: on loopback all nodes share one network",
                remedy="use the isolation namespaces, or `die`",
            )

    def ready(self, fault: Fault) -> SandboxNode | None:
        """The node of a fault; head and last are those of the newest job that runs."""
        target = fault.target or LAST
        if target in self.server.nodes:
            return self.server.nodes[target]
        if fault.kind == "return":
            names = [name for name, state in self.server.out.items() if state == DOWN]
            return self.server.nodes[names[-1]] if names else None
        running = [job for job in self.server.jobs() if job.state == "R"]
        if not running:
            return None
        nodes = running[-1].nodes
        return self.server.nodes[nodes[0] if target == HEAD else nodes[-1]]

    def begin(self, fault: Fault, node: SandboxNode) -> Callable[[], None] | None:
        """Do the fault to the node; returns what ends it."""
        if fault.kind == "return":
            self._return(node)
            return None
        if node.namespaces:
            _plug(node, is_in=False)
        if fault.kind == "die":
            self._die(node)
        return lambda: self._return(node)

    def _die(self, node: SandboxNode) -> None:
        self.server.out[node.name] = DOWN
        job = self.server.job_on(node.name)
        if job is not None and job.hosts[0] == node.name:
            # Before its shell is killed, because a dead node reports no end.
            self.server.lose_head(job)
            self.event_loop.later(
                polaris().pbs_dead_node_noticed_seconds, lambda: self.server.give_up(job)
            )
        namespace = node.namespaces.uts if node.namespaces else None
        send_signal(on_node(os.getpid(), node.sessions, namespace), signal.SIGKILL)

    def _return(self, node: SandboxNode) -> None:
        if node.namespaces:
            _plug(node, is_in=True)
        if self.server.out.pop(node.name, None) == DOWN:
            for job in self.server.jobs():
                if job.state == "R" and job.hosts[0] == node.name:
                    self.server.give_up(job)
        self.server.schedule()


def _plug(node: SandboxNode, *, is_in: bool) -> None:
    from polaris_parsl.sandbox.linux.network import plug  # noqa: PLC0415 - loopback has none

    plug(node.number, is_in=is_in)
