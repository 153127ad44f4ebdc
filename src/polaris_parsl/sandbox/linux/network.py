"""Nodes as network, UTS and mount namespaces on bridges, inside the sandbox's user namespace.

The addresses are ours and visible only inside. The daemon keeps the namespaces
open by file descriptor; they end with it.
"""

import os
import socket
from pathlib import Path

from polaris_parsl import kernel
from polaris_parsl.errors import SandboxError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.process import run
from polaris_parsl.sandbox.linux import syscalls
from polaris_parsl.sandbox.linux.file_systems import enter_file_systems
from polaris_parsl.sandbox.linux.nodes import (
    LOGIN,
    Namespaces,
    SandboxNode,
    host_names,
    node_environment,
)
from polaris_parsl.sandbox.settings import Settings

_LONGEST_PROBLEM = 4096  # bytes
_FIRST_SUBNET = 77  # 10.77.0.0/16, 10.78.0.0/16, ...: one for each interface


def build_network(settings: Settings) -> tuple[SandboxNode, list[SandboxNode]]:
    """Make the login node and the compute nodes, joined by one bridge per interface.

    Raises:
        SandboxError: `ip` or Linux refuses.
    """
    scratch = settings.folder("network")
    names = host_names(settings)
    _write_hosts(scratch / "hosts", names)
    syscalls.bind_mount(scratch / "hosts", Path("/etc/hosts"))
    lines = ["link set lo up"]
    for index, _ in enumerate(polaris().interfaces):
        lines += [f"link add name br{index} type bridge", f"link set br{index} up"]
    _ip(scratch / "bridges", lines)
    nodes = [
        SandboxNode(
            name,
            number,
            node_environment(settings, is_login=number == 0),
            _make_namespaces(settings, scratch, name, number),
        )
        for number, name in enumerate(names)
    ]
    return nodes[0], nodes[1:]


def plug(number: int, *, is_in: bool) -> None:
    """Plug the cables of a node in, or pull them.

    Raises:
        SandboxError: `ip` refuses.
    """
    for index, _ in enumerate(polaris().interfaces):
        result = run(["ip", "link", "set", f"v{number}i{index}", "up" if is_in else "down"])
        if result.returncode != 0:
            raise SandboxError(f"`ip` failed: {result.stderr.strip()}", remedy=_REMEDY)


def _address(interface: int, number: int) -> str:
    return f"10.{_FIRST_SUBNET + interface}.{(number + 1) // 250}.{(number + 1) % 250 + 1}"


def _write_hosts(path: Path, names: list[str]) -> None:
    lines = ["127.0.0.1 localhost"]
    for number, name in enumerate(names):
        lines.append(f"{_address(0, number)} {name}.{polaris().node.domain} {name}")
    path.write_text("\n".join(lines) + "\n")


def _make_namespaces(settings: Settings, scratch: Path, name: str, number: int) -> Namespaces:
    """The namespaces of one node; a child makes them and sets up their ends of the cables."""
    inside = scratch / name
    lines = ["link set lo up"]
    for index, interface in enumerate(polaris().interfaces):
        lines += [
            f"addr add {_address(index, number)}/16 dev {interface}",
            f"link set {interface} up",
        ]
    inside.write_text("\n".join(lines) + "\n")
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        _child(theirs, settings, number, inside)
    theirs.close()
    problem = ours.recv(_LONGEST_PROBLEM).decode(errors="replace")
    if problem != "+":
        raise SandboxError(f"no namespaces for node {name}: {problem}", remedy=_REMEDY)
    namespaces = Namespaces(
        *(os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY) for kind in Namespaces._fields)
    )
    cables: list[str] = []
    for index, interface in enumerate(polaris().interfaces):
        end = f"v{number}i{index}"
        cables += [
            f"link add name {end} type veth peer name {interface} netns {pid}",
            f"link set {end} master br{index} up",
        ]
    _ip(scratch / f"{name}.cables", cables)
    ours.sendall(b"+")
    if os.waitpid(pid, 0)[1] != 0:
        raise SandboxError(f"`ip` could not set up node {name}", remedy=_REMEDY)
    ours.close()
    return namespaces


def _child(theirs: socket.socket, settings: Settings, number: int, inside: Path) -> None:
    try:
        kernel.unshare(syscalls.CLONE_NEWNET | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWNS)
        socket.sethostname(inside.name)
        if number != LOGIN:
            root, own = settings.folder("root"), settings.nodes_own / inside.name
            enter_file_systems(root, own, (*settings.shared, *settings.needed))
        theirs.sendall(b"+")
        if theirs.recv(1) == b"+":
            os.execvp("ip", ["ip", "-batch", str(inside)])
    except OSError as error:
        theirs.sendall(str(error).encode()[:_LONGEST_PROBLEM])
    finally:
        os._exit(1)


def _ip(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n")
    result = run(["ip", "-batch", path])
    if result.returncode != 0:
        raise SandboxError(f"`ip` failed: {result.stderr.strip()}", remedy=_REMEDY)


_REMEDY = "set POLARIS_PARSL_SANDBOX_ISOLATION=loopback to run without namespaces"
