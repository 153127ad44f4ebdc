"""Starts a process on a node; forks itself because the child must enter the node first."""

import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from polaris_parsl import kernel
from polaris_parsl.sandbox.linux import syscalls
from polaris_parsl.sandbox.linux.nodes import SandboxNode

INHERITED = (0, 1, 2)


@dataclass(frozen=True)
class Process:
    """A program to execute; name is argv[0] if it differs from the program."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    cwd: str
    stdio: tuple[int, int, int] = INHERITED
    name: str | None = None
    umask: int | None = None
    new_session: bool = True


def spawn(node: SandboxNode, process: Process) -> int:
    """Start the process on the node and return its id; the daemon reaps it."""
    pid = os.fork()
    if pid:
        if process.new_session:
            node.sessions.add(pid)
        return pid
    try:
        _become(node, process)
    except OSError as error:
        os.write(2, f"{process.argv[0]}: {error.strerror}\n".encode())
        os._exit(126 if isinstance(error, PermissionError) else 127)
    except BaseException as error:  # noqa: BLE001 - a forked copy of the daemon must not continue
        os.write(2, f"{process.argv[0]}: {error}\n".encode())
    os._exit(127)


def _become(node: SandboxNode, process: Process) -> None:
    kernel.die_with_parent(signal.SIGKILL)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    if process.new_session:
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    _connect(process.stdio)
    node.enter()
    syscalls.forget_ambient_capabilities()
    if process.umask is not None:
        os.umask(process.umask)
    try:
        os.chdir(process.cwd)
    except OSError:
        os.chdir("/")
    environment = dict(process.environment)
    argv = [process.name or process.argv[0], *process.argv[1:]]
    os.execvpe(process.argv[0], argv, environment)


def _connect(stdio: tuple[int, int, int]) -> None:
    # Copies first, because a source may itself be one of the three.
    copies = [os.dup(fd) if fd != target else fd for target, fd in enumerate(stdio)]
    for target, fd in enumerate(copies):
        os.dup2(fd, target, inheritable=True)


def exit_code(status: int) -> int:
    """A wait status as a shell's exit code."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def send_signal(pids: Sequence[int], number: int) -> None:
    """Send a signal to each process that still exists."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
