"""The daemon of a sandbox: makes the nodes, serves the clients and ends all processes.

With namespaces it is process 1 of a pid namespace, so Linux ends all others
with it. On loopback it adopts orphans and kills its descendants itself.
"""

import asyncio
import logging
import os
import pwd
import signal
import traceback
from collections.abc import Callable
from functools import partial

from polaris_parsl import kernel
from polaris_parsl.errors import PolarisParslError, SandboxError
from polaris_parsl.sandbox import protocol
from polaris_parsl.sandbox.faults import ask
from polaris_parsl.sandbox.faults.fault import Fault
from polaris_parsl.sandbox.faults.schedule import Faults
from polaris_parsl.sandbox.linux import syscalls
from polaris_parsl.sandbox.linux.nodes import SandboxNode, host_names, node_environment
from polaris_parsl.sandbox.linux.processes import descendants
from polaris_parsl.sandbox.linux.spawn import Process, exit_code, send_signal, spawn
from polaris_parsl.sandbox.pbs.call import CommandCall
from polaris_parsl.sandbox.pbs.commands import carry_out
from polaris_parsl.sandbox.pbs.server import Server
from polaris_parsl.sandbox.protocol import ClientRequest
from polaris_parsl.sandbox.settings import Isolation, Settings
from polaris_parsl.sandbox.ssh import SshServer

NOT_STARTED = 70
KILLED = 137
_GRACE_SECONDS = 5.0
_TERMINATE = b"T"


class Daemon:
    """Runs the command on the login node until the command or the launcher ends."""

    def __init__(self, settings: Settings, lifeline: int) -> None:
        self._settings = settings
        self._lifeline = lifeline
        self._loop = asyncio.new_event_loop()
        self._ended: dict[int, Callable[[int], None]] = {}
        self._exit_code = KILLED
        self._command = 0
        login, nodes = _make_nodes(settings)
        self._login = login
        self._server = Server(settings, self, nodes)
        self._faults = Faults(settings, self, self._server)
        self._ssh = SshServer(settings, self, self._server, [login, *nodes], _user())

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """CommandCall after so many seconds."""
        self._loop.call_later(seconds, call)

    def when_ended(self, pid: int, call: Callable[[int], None]) -> None:
        """CommandCall with the wait status when the process has ended."""
        self._ended[pid] = call

    def when_readable(self, fd: int, call: Callable[[], None]) -> None:
        """CommandCall once when fd has data or its other end is closed."""

        def once() -> None:
            self._loop.remove_reader(fd)
            call()

        self._loop.add_reader(fd, once)

    def ignore(self, fd: int) -> None:
        """Cancel when_readable."""
        self._loop.remove_reader(fd)

    def run(self) -> int:
        """Serve until the command has ended; returns its exit code."""
        listener = protocol.listen(self._settings.socket)
        self._loop.add_reader(listener, partial(protocol.accept, listener, self._handle))
        self._loop.add_reader(self._lifeline, self._read_lifeline)
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)
        self._loop.add_signal_handler(signal.SIGTERM, self._terminate)
        command = Process(
            argv=self._settings.command,
            environment=self._command_environment(),
            cwd=os.getcwd(),  # noqa: PTH109
            new_session=False,
        )
        for fault in self._settings.faults:
            self._faults.add(Fault(**fault))
        self._command = spawn(self._login, command)
        self.when_ended(self._command, self._command_ended)
        self._loop.run_forever()
        _end_descendants()
        self._server.close()
        return self._exit_code

    def _command_environment(self) -> dict[str, str]:
        path = f"{self._settings.login_bin}:{os.environ.get('PATH', os.defpath)}"
        return {**os.environ, **_user(), **self._login.environment, "PATH": path}

    def _handle(self, request: ClientRequest) -> None:
        if request.tool == "ssh":
            self._ssh.handle(request)
            return
        if request.tool == ask.TOOL:
            self._handle_fault(request)
            return
        message = request.message
        call = CommandCall(
            message["argv"], message["cwd"], message["environment"], message.get("stdin")
        )
        answer = partial(carry_out, request.tool, self._server, call)
        try:
            self._faults.clients.serve(request, call, answer)
        except Exception:
            request.answer(exit_code=1, stderr=f"{request.tool}: {traceback.format_exc()}")
            raise

    def _handle_fault(self, request: ClientRequest) -> None:
        message = request.message
        try:
            if "end" in message:
                request.answer(ended=self._faults.end(message["end"]))
                return
            self._faults.add(Fault(**message["fault"]))
            request.answer()
        except SandboxError as error:
            request.answer(problem=error.problem, remedy=error.remedy)

    def _read_lifeline(self) -> None:
        if os.read(self._lifeline, 1) == _TERMINATE:
            self._terminate()
        else:
            self._loop.stop()

    def _terminate(self) -> None:
        send_signal([self._command], signal.SIGTERM)
        self.later(_GRACE_SECONDS, self._loop.stop)

    def _command_ended(self, status: int) -> None:
        self._exit_code = exit_code(status)
        self._loop.stop()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            call = self._ended.pop(pid, None)
            if call is not None:
                call(status)


def _user() -> dict[str, str]:
    """The environment variables that identify the sandbox's user on every node."""
    try:
        entry = pwd.getpwuid(os.getuid())
        name, home, shell = entry.pw_name, entry.pw_dir, entry.pw_shell
    except KeyError:
        name, home, shell = str(os.getuid()), "/", ""
    name = os.environ.get("LOGNAME", os.environ.get("USER", name))
    shell = os.environ.get("SHELL", shell)
    if not os.access(shell, os.X_OK) or shell.endswith(("nologin", "false")):
        shell = "/bin/bash"
    home = os.environ.get("HOME", home)
    return {"HOME": home, "USER": name, "LOGNAME": name, "SHELL": shell}


def _make_nodes(settings: Settings) -> tuple[SandboxNode, list[SandboxNode]]:
    if settings.isolation is Isolation.NAMESPACES:
        from polaris_parsl.sandbox.linux.network import build_network  # noqa: PLC0415 - loopback does not need it

        return build_network(settings)
    login, *nodes = [
        SandboxNode(name, number, node_environment(settings, is_login=number == 0))
        for number, name in enumerate(host_names(settings))
    ]
    return login, nodes


def _end_descendants() -> None:
    """Kill until no process is left; orphans become our children, so none escapes by forking."""
    while left := descendants(os.getpid()):
        send_signal(left, signal.SIGKILL)
        for _ in left:
            try:
                os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break


def main(text: str, lifeline: int) -> int:
    """Run the sandbox that the launcher describes; returns the command's exit code."""
    settings = Settings.loads(text)
    logging.basicConfig(filename=settings.state / "daemon.log", level=logging.INFO)
    if settings.isolation is Isolation.LOOPBACK:
        syscalls.adopt_orphans()
        kernel.die_with_parent(signal.SIGTERM)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        # Ctrl-C is for the command, which inherits SIG_IGN but not a handler.
        signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return Daemon(settings, lifeline).run()
    except (PolarisParslError, OSError) as error:
        settings.failure.write_text(getattr(error, "problem", str(error)))
        return NOT_STARTED
    finally:
        _end_descendants()
