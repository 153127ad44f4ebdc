"""Launches a sandbox: prepares its state directory, starts its daemon and waits for it."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import polaris_parsl
from polaris_parsl.errors import SandboxError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.policy.rehearsal import MIN_WALLTIME
from polaris_parsl.sandbox.commands import write_commands
from polaris_parsl.sandbox.faults.script import read_faults
from polaris_parsl.sandbox.linux.isolation import (
    ISOLATION,
    asked_isolation,
    choose_isolation,
    into_namespaces,
)
from polaris_parsl.sandbox.linux.nodes import STATE
from polaris_parsl.sandbox.linux.processes import everywhere_with_marker
from polaris_parsl.sandbox.linux.spawn import send_signal
from polaris_parsl.sandbox.settings import Isolation, Settings
from polaris_parsl.sandbox.shared import needed_directories, shared_directories
from polaris_parsl.sandbox.state_directory import state_directory

_NOT_STARTED = 70
_ORPHANS_TIMEOUT_SECONDS = 10.0
_POLL_SECONDS = 0.02
_DAEMON = (
    "import sys; sys.path.insert(0, sys.argv[1]); from polaris_parsl.sandbox.daemon import main; "
    "sys.exit(main(sys.argv[2], int(sys.argv[3])))"
)


def run_sandbox(
    command: Sequence[str],
    *,
    nodes: int,
    state: Path | None,
    faults: Path | None = None,
    shared: Sequence[Path] = (),
    queues: Sequence[str] = (),
) -> int:
    """Run a command on a pretended login node and return its exit code.

    Every process that the command starts, and every job, has ended when this
    returns; they also end if this process is killed.

    Args:
        command: program and arguments.
        nodes: compute nodes to imitate, count.
        state: directory to keep jobs in; None uses a temporary one.
        faults: file of faults to make.
        shared: directories that all nodes share, besides the home directory and the file systems of
            the system; without any, the working directory.
        queues: that the facts lack; they take what the system can hold.

    Raises:
        MissingToolError: there is no C compiler.
        SandboxError: the sandbox cannot start here with these arguments.
    """
    if not command:
        raise SandboxError("no command to run", remedy="give one after --, for instance -- bash")
    most = polaris().node_count
    if not 1 <= nodes <= most:
        raise SandboxError(
            f"a sandbox of {nodes} nodes; {polaris().system} has {most}",
            remedy=f"choose 1 to {most} nodes",
        )
    wanted = read_faults(faults) if faults else ()
    directories = shared_directories(shared)
    isolation = choose_isolation(asked_isolation(os.environ))
    with state_directory(state) as folder:
        if os.statvfs(folder).f_flag & os.ST_NOEXEC:
            raise SandboxError(
                f"programs in {folder} cannot be executed: its file system is mounted noexec",
                remedy="choose a directory elsewhere with --state",
            )
        settings = Settings(
            state=folder,
            isolation=isolation,
            nodes=nodes,
            command=tuple(command),
            shared=directories,
            queues=tuple(queues),
            needed=needed_directories(folder),
            min_walltime_seconds=_min_walltime(),
            faults=tuple(fault.as_dict() for fault in wanted),
        )
        write_commands(settings)
        for stale in (settings.failure, settings.socket):
            stale.unlink(missing_ok=True)
        shutil.rmtree(settings.nodes_own, ignore_errors=True)
        _introduce(settings)
        code = _run_daemon(settings)
        if code == _NOT_STARTED and settings.failure.exists():
            raise SandboxError(
                settings.failure.read_text(),
                remedy=f"set {ISOLATION}={Isolation.LOOPBACK}, or see docs/sandbox.md",
            )
        return code


def _introduce(settings: Settings) -> None:
    """Say on standard error what the command will find."""
    if settings.isolation is Isolation.LOOPBACK:
        files = "nodes share one network and all files"
    else:
        files = f"nodes share {', '.join(map(str, settings.shared))}"
    sys.stderr.write(
        f"polaris-parsl sandbox: isolation {settings.isolation}, {settings.nodes} nodes, "
        f"state in {settings.state}; {files}\n"
    )
    sys.stderr.flush()


def _min_walltime() -> int | None:
    text = os.environ.get(MIN_WALLTIME, "")
    if text and not text.isdigit():
        raise SandboxError(f"{MIN_WALLTIME}={text}", remedy="give a number of seconds")
    return int(text) if text else None


def _run_daemon(settings: Settings) -> int:
    """Start the daemon and wait for it; it ends when our end of the lifeline is closed."""
    reading, writing = os.pipe()
    package = Path(polaris_parsl.__file__).parent.parent
    daemon = [sys.executable, "-I", "-S", "-c", _DAEMON, str(package)]
    argv = [*daemon, settings.dumps(), str(reading)]
    if settings.isolation is Isolation.NAMESPACES:
        argv = [*into_namespaces(), *argv]
    environment = {**os.environ, STATE: str(settings.state)}
    try:
        with _signals_for(writing):
            process = subprocess.Popen(argv, env=environment, pass_fds=[reading])
            os.close(reading)
            code = process.wait()
    finally:
        os.close(writing)
        settings.socket.unlink(missing_ok=True)
        shutil.rmtree(settings.nodes_own, ignore_errors=True)
        if settings.isolation is Isolation.LOOPBACK:
            _end_orphans(settings)
    return 128 - code if code < 0 else code


def _end_orphans(settings: Settings) -> None:
    """End the processes that a killed daemon left; only this sandbox's have its marker."""
    deadline = time.monotonic() + _ORPHANS_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        left = everywhere_with_marker(f"{STATE}={settings.state}")
        if not left:
            return
        send_signal(left, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def _signals_for(lifeline: int) -> Iterator[None]:
    """While the daemon runs, leave SIGINT to the command and pass SIGTERM on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupted(*_: object) -> None:
        """Do nothing: the terminal sends Ctrl-C to the command, too."""

    def terminated(*_: object) -> None:
        os.write(lifeline, b"T")

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if before[signal.SIGINT] is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, terminated)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
