"""The server side of ssh: runs a command on a node that has a running job."""

import getopt
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from polaris_parsl.sandbox.event_loop import EventLoop
from polaris_parsl.sandbox.linux.nodes import JOB, SandboxNode
from polaris_parsl.sandbox.linux.processes import in_sessions
from polaris_parsl.sandbox.linux.spawn import Process, send_signal, spawn
from polaris_parsl.sandbox.pbs.server import DOWN, Server
from polaris_parsl.sandbox.protocol import ClientRequest
from polaris_parsl.sandbox.settings import Settings

FAILED = 255
_LETTERS = "1246AaCfGgKkMNnqsTtVvXxYyb:c:D:E:e:F:I:i:J:L:l:m:O:o:p:Q:R:S:W:w:"
_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/games"
_KILL_DELAY_SECONDS = 2.0


@dataclass(frozen=True)
class SshCall:
    """A call of ssh; words are the command, which the server joins with blanks."""

    host: str
    words: tuple[str, ...]
    reads_stdin: bool


def read_ssh(argv: Sequence[str]) -> SshCall:
    """Parse ssh's command line; options may also follow the host.

    Raises:
        getopt.GetoptError: an option is unknown, or no host is given.
    """
    pairs, rest = getopt.getopt(list(argv), _LETTERS)
    if not rest:
        raise getopt.GetoptError("usage: ssh [options] [user@]host [command]", "")
    host = rest.pop(0)
    more, rest = getopt.getopt(rest, _LETTERS)
    letters = {option for option, _ in [*pairs, *more]}
    name = host.removeprefix("ssh://").rpartition("@")[2]
    return SshCall(name, tuple(rest), not letters & {"-n", "-f"})


class SshServer:
    """Runs commands for ssh clients, and ends them when their client ends."""

    def __init__(
        self,
        settings: Settings,
        event_loop: EventLoop,
        server: Server,
        nodes: Sequence[SandboxNode],
        user: Mapping[str, str],
    ) -> None:
        self._settings = settings
        self._event_loop = event_loop
        self._server = server
        self._nodes = {name: node for node in nodes for name in (node.name, node.fqdn)}
        self._user = user

    def handle(self, request: ClientRequest) -> None:
        """Run the command; answer when it ends, and end it when the client ends."""
        try:
            call = read_ssh(request.message["argv"])
        except getopt.GetoptError as error:
            request.answer(exit_code=FAILED, stderr=f"{error.msg}\n")
            return
        node = self._nodes.get(call.host)
        if node is None:
            problem = f"Could not resolve hostname {call.host}: Name or service not known"
            request.answer(exit_code=FAILED, stderr=f"ssh: {problem}\n")
            return
        if self._server.out.get(node.name) == DOWN:
            problem = f"connect to host {call.host} port 22: No route to host"
            request.answer(exit_code=FAILED, stderr=f"ssh: {problem}\n")
            return
        job = self._server.job_on(node.name)
        if job is None or len(request.fds) != 3:
            problem = f"Access denied: no job of yours is running on {node.name}"
            request.answer(exit_code=FAILED, stderr=f"{problem}\n")
            return
        stdin, stdout, stderr = request.fds
        if not call.reads_stdin:
            stdin = os.open(os.devnull, os.O_RDONLY)
            request.fds.append(stdin)
        pid = spawn(node, self._process(node, job.id, call, (stdin, stdout, stderr)))
        request.close_streams()
        self._server.joined(job, pid)
        self._event_loop.when_readable(request.fileno(), lambda: self._client_gone(pid))
        self._event_loop.when_ended(pid, lambda status: self._ended(request, status))

    def _process(
        self, node: SandboxNode, job_id: str, call: SshCall, stdio: tuple[int, int, int]
    ) -> Process:
        shell = self._user["SHELL"]
        # Without a command a login shell, as sshd does.
        argv = [shell, "-c", " ".join(call.words)] if call.words else [shell]
        return Process(
            argv=argv,
            name=None if call.words else f"-{shell.rpartition('/')[2]}",
            environment={
                **self._user,
                "PATH": f"{self._settings.node_bin}:{_PATH}",
                **node.environment,
                JOB: job_id,
            },
            cwd=self._user["HOME"],
            stdio=stdio,
            umask=0o022,
        )

    def _ended(self, request: ClientRequest, status: int) -> None:
        self._event_loop.ignore(request.fileno())
        request.answer(exit_code=_code(status))

    def _client_gone(self, pid: int) -> None:
        send_signal(in_sessions(os.getpid(), [pid]), signal.SIGHUP)
        self._event_loop.later(
            _KILL_DELAY_SECONDS,
            lambda: send_signal(in_sessions(os.getpid(), [pid]), signal.SIGKILL),
        )


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else FAILED
