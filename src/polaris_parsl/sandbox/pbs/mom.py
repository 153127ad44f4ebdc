"""Starts jobs on their first node, ends them, and reports their ends to the server."""

import contextlib
import os
import shlex
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from polaris_parsl.sandbox.event_loop import EventLoop
from polaris_parsl.sandbox.linux.nodes import JOB, SandboxNode
from polaris_parsl.sandbox.linux.processes import in_sessions, with_marker
from polaris_parsl.sandbox.linux.spawn import Process, send_signal, spawn
from polaris_parsl.sandbox.pbs.environment import job_environment
from polaris_parsl.sandbox.pbs.job import STATUS_WALLTIME, Job
from polaris_parsl.sandbox.settings import Settings

# Shorter than PBS, which takes 10 to 23 s: a rehearsal need not wait so long.
KILL_DELAY_SECONDS = 3.0
_POLL_SECONDS = 0.1
_TMPDIR_PARENT = Path("/var/tmp")
_TMPDIR_PARENTS = (_TMPDIR_PARENT, Path("/tmp"))
_RANDOM_LENGTH = 8  # characters that mkdtemp appends
_UMASK = 0o077


@dataclass
class _Running:
    """A job that has processes; status is the wait status of its shell."""

    job: Job
    pid: int
    tmpdir: Path
    status: int | None = None
    verdict: int | None = None
    kill_at: float | None = None
    is_signalled: bool = False
    is_lost: bool = False
    sessions: set[int] = field(default_factory=set)


class Mom:
    """Acts as the moms of all nodes."""

    def __init__(
        self,
        settings: Settings,
        event_loop: EventLoop,
        nodes: Mapping[str, SandboxNode],
        over: Callable[[Job, int], None],
    ) -> None:
        self._settings = settings
        self._event_loop = event_loop
        self._nodes = nodes
        self._over = over
        self._running: dict[str, _Running] = {}

    def start(self, job: Job) -> int:
        """Start the job's shell on its first node and return the id of its session.

        Raises:
            OSError: the node cannot write the job's output.
        """
        node = self._nodes[job.hosts[0]]
        output, error = _open_output(job, node)
        script = self._settings.folder("jobs") / f"{job.id}.SC"
        script.write_text(job.script, "utf-8", errors="surrogateescape")
        script.chmod(0o700)
        nodefile = self._settings.folder("aux") / job.id
        nodefile.write_text(self._node_lines(job))
        shell = job.shell or job.user.get("SHELL", "/bin/bash")
        # The profile of a node puts PALS' mpiexec into PATH; so does this line.
        line = f'PATH="{self._settings.node_bin}:$PATH"\n{shlex.quote(str(script))}\n'
        stdin = _pipe_with(line)
        tmpdir = self._make_tmpdir(job)
        environment = job_environment(job, node, nodefile=nodefile, tmpdir=tmpdir)
        program = shell.split()[0]
        process = Process(
            argv=[program],
            name=f"-{Path(program).name}",
            environment=environment,
            cwd=job.user.get("HOME", "/"),
            stdio=(stdin, output, error),
            umask=_UMASK,
        )
        pid = spawn(node, process)
        for fd in {stdin, output, error}:
            os.close(fd)
        running = _Running(job, pid, tmpdir, sessions={pid})
        self._running[job.key] = running
        self._event_loop.when_ended(pid, lambda status: self._shell_ended(running, status))
        self._event_loop.later(job.walltime_seconds, lambda: self._walltime_over(running))
        return pid

    def end(self, job: Job, verdict: int) -> None:
        """End the processes of a job, if it has any, and report this exit status."""
        running = self._running.get(job.key)
        if running is not None:
            running.is_lost = False
            self._terminate(running, verdict)

    def lose(self, job: Job) -> None:
        """Report nothing of a job any more, until somebody ends it."""
        self._running[job.key].is_lost = True

    def has_lost(self, job: Job) -> bool:
        """Whether the first node of a job is lost."""
        return job.key in self._running and self._running[job.key].is_lost

    def signal(self, job: Job, number: int) -> None:
        """Send a signal to the processes of a job."""
        running = self._running.get(job.key)
        if running is not None:
            send_signal(in_sessions(os.getpid(), running.sessions), number)

    def expire(self, job: Job) -> None:
        """End a job as if its walltime were over."""
        running = self._running.get(job.key)
        if running is not None:
            self._walltime_over(running)

    def close(self) -> None:
        """Remove the files outside the state directory of jobs that were still running."""
        for running in self._running.values():
            self._remove_tmpdir(running)

    def joined(self, key: str, session: int) -> None:
        """Count a session on a node of the job as the job's own from now on."""
        if key in self._running:
            self._running[key].sessions.add(session)

    def _node_lines(self, job: Job) -> str:
        lines = []
        for host, chunk in zip(job.hosts, job.chunks, strict=True):
            lines += [self._nodes[host].fqdn] * (chunk.amount("mpiprocs") or 1)
        return "\n".join(lines) + "\n"

    def _make_tmpdir(self, job: Job) -> Path:
        """Make the job's TMPDIR on each of its nodes, named as PBS does.

        On loopback there is one for all, and if that name is taken, another of the same length:
        Linux limits the length of a socket's path.
        """
        tmpdir = _TMPDIR_PARENT / f"pbs.{job.id}"
        nodes = [self._nodes[name] for name in job.nodes]
        if nodes[0].namespaces is None:
            try:
                tmpdir.mkdir(mode=0o700)
            except OSError:
                length = len(tmpdir.name) - _RANDOM_LENGTH
                folder = self._writable_folder()
                tmpdir = Path(tempfile.mkdtemp(prefix=tmpdir.name[:length], dir=folder))
        else:
            for node in nodes:
                with node.files():
                    tmpdir.mkdir(mode=0o700, exist_ok=True)
        return tmpdir

    def _remove_tmpdir(self, running: _Running) -> None:
        for name in running.job.nodes:
            with self._nodes[name].files():
                shutil.rmtree(running.tmpdir, ignore_errors=True)

    def _writable_folder(self) -> Path:
        usable = (path for path in _TMPDIR_PARENTS if os.access(path, os.W_OK))
        return next(usable, None) or self._settings.folder("tmp")

    def _walltime_over(self, running: _Running) -> None:
        job = running.job
        if self._running.get(job.key) is not running or running.verdict is not None:
            return
        if running.is_lost:
            return
        used = int(time.time() - (job.stime or time.time()))
        limit = job.walltime_seconds
        text = f"=>> PBS: job killed: walltime {max(used, limit + 1)} exceeded limit {limit}\n"
        with contextlib.suppress(OSError), self._nodes[job.hosts[0]].files():
            fd = _open(job.output_path if job.join == "oe" else job.error_path)
            os.write(fd, text.encode())
            os.close(fd)
        self._terminate(running, STATUS_WALLTIME)

    def _terminate(self, running: _Running, verdict: int) -> None:
        if running.verdict is not None:
            return
        running.verdict = verdict
        running.kill_at = time.monotonic() + KILL_DELAY_SECONDS
        self._wait_until_gone(running)

    def _wait_until_gone(self, running: _Running) -> None:
        """Send the job's sessions SIGTERM, wait for their ends, and kill those that remain."""
        left = in_sessions(os.getpid(), running.sessions)
        if left and not running.is_signalled:
            # Once only, as PBS does, to spare the processes that a trap then starts.
            running.is_signalled = True
            send_signal(left, signal.SIGTERM)
        if running.status is not None and not left:
            self._finish(running)
            return
        if running.kill_at is not None and time.monotonic() >= running.kill_at:
            send_signal(left, signal.SIGKILL)
        self._event_loop.later(_POLL_SECONDS, lambda: self._wait_until_gone(running))

    def _shell_ended(self, running: _Running, status: int) -> None:
        running.status = status
        if running.verdict is None and not running.is_lost:
            self._finish(running)

    def _finish(self, running: _Running) -> None:
        """Kill the remaining processes of the job, then report its exit status to the server."""
        marker = f"{JOB}={running.job.id}"
        left = with_marker(os.getpid(), marker, running.sessions)
        if left:
            send_signal(left, signal.SIGKILL)
            self._event_loop.later(_POLL_SECONDS / 2, lambda: self._finish(running))
            return
        del self._running[running.job.key]
        self._remove_tmpdir(running)
        for name in (f"jobs/{running.job.id}.SC", f"aux/{running.job.id}"):
            with contextlib.suppress(OSError):
                (self._settings.state / name).unlink()
        code = os.waitstatus_to_exitcode(running.status or 0)
        status = 256 - code if code < 0 else code
        self._over(running.job, status if running.verdict is None else running.verdict)


def _open_output(job: Job, node: SandboxNode) -> tuple[int, int]:
    with node.files():
        output = _open(job.error_path if job.join == "eo" else job.output_path)
        try:
            return output, output if job.join in {"oe", "eo"} else _open(job.error_path)
        except OSError:
            os.close(output)
            raise


def _open(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _pipe_with(text: str) -> int:
    """The read end of a closed pipe that holds the text."""
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    return reading
