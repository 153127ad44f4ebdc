"""The front of the sandbox: prepares a state directory, starts the keeper and waits for it."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import polaris_parsl
from polaris_parsl.errors import SandboxError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.sandbox.commands import write_standins
from polaris_parsl.sandbox.linux.isolation import TIER, choose_tier, into_namespaces
from polaris_parsl.sandbox.linux.nodes import STATE
from polaris_parsl.sandbox.linux.processes import everywhere_with_marker
from polaris_parsl.sandbox.linux.spawn import send_signal
from polaris_parsl.sandbox.settings import Settings, Tier

MIN_WALLTIME = "POLARIS_PARSL_SANDBOX_MIN_WALLTIME"
_NOT_STARTED = 70
_ORPHANS_TIMEOUT_SECONDS = 10.0
_POLL_SECONDS = 0.02
_KEEPER = (
    "import sys; sys.path.insert(0, sys.argv[1]); from polaris_parsl.sandbox.daemon import main; "
    "sys.exit(main(sys.argv[2], int(sys.argv[3])))"
)


def run_sandbox(command: Sequence[str], *, nodes: int, state: Path | None) -> int:
    """Run a command on a pretended login node and return its exit code.

    Every process that the command starts, and every job, has ended when this
    returns; they end also when this process is killed.

    Args:
        command: program and arguments.
        nodes: compute nodes to pretend, count.
        state: directory to keep jobs in; None uses a temporary one.

    Raises:
        MissingToolError: there is no C compiler.
        SandboxError: the sandbox cannot start here as asked for.
    """
    if not command:
        raise SandboxError("no command to run", remedy="put one behind --, for instance -- bash")
    most = polaris().node_count
    if not 1 <= nodes <= most:
        raise SandboxError(
            f"a sandbox of {nodes} nodes; {polaris().system} has {most}",
            remedy=f"ask for 1 to {most} nodes",
        )
    tier = choose_tier(os.environ.get(TIER, ""))
    with _state_directory(state) as folder:
        if os.statvfs(folder).f_flag & os.ST_NOEXEC:
            raise SandboxError(
                f"programs in {folder} cannot be executed: its file system is mounted noexec",
                remedy="choose a directory elsewhere with --state",
            )
        settings = Settings(
            state=folder,
            tier=tier,
            nodes=nodes,
            command=tuple(command),
            min_walltime_seconds=_min_walltime(),
        )
        write_standins(settings)
        for left in (settings.failure, settings.socket):
            left.unlink(missing_ok=True)
        sys.stderr.write(f"polaris-parsl sandbox: tier {tier}, {nodes} nodes, state in {folder}\n")
        sys.stderr.flush()
        code = _keep(settings)
        if code == _NOT_STARTED and settings.failure.exists():
            raise SandboxError(
                settings.failure.read_text(), remedy=f"set {TIER}={Tier.LOOPBACK}, or see docs"
            )
        return code


def _min_walltime() -> int | None:
    text = os.environ.get(MIN_WALLTIME, "")
    if text and not text.isdigit():
        raise SandboxError(f"{MIN_WALLTIME}={text}", remedy="give a number of seconds")
    return int(text) if text else None


@contextlib.contextmanager
def _state_directory(asked: Path | None) -> Iterator[Path]:
    """The directory, ours alone while the sandbox runs; a temporary one is removed."""
    if asked is None:
        # TMPDIR is passed by: its path may be long or hold what LD_PRELOAD cannot.
        folder = Path(tempfile.mkdtemp(prefix="polaris-sandbox-", dir="/tmp"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    folder = asked.resolve()
    if any(character in " \t\n:" for character in str(folder)):
        raise SandboxError(
            f"the state directory {folder} has a blank or a colon in its path",
            remedy="choose another one with --state",
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SandboxError(
                f"another sandbox runs in {folder}", remedy="choose another --state"
            ) from error
        yield folder


def _keep(settings: Settings) -> int:
    """Start the keeper and wait; it ends when our end of the lifeline is closed."""
    reading, writing = os.pipe()
    package = Path(polaris_parsl.__file__).parent.parent
    keeper = [sys.executable, "-I", "-S", "-c", _KEEPER, str(package)]
    argv = [*keeper, settings.dumps(), str(reading)]
    if settings.tier is Tier.NAMESPACES:
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
        if settings.tier is Tier.LOOPBACK:
            _end_orphans(settings)
    return 128 - code if code < 0 else code


def _end_orphans(settings: Settings) -> None:
    """Where the keeper itself was killed: end what it could not; no other process has our marker."""
    deadline = time.monotonic() + _ORPHANS_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        left = everywhere_with_marker(f"{STATE}={settings.state}")
        if not left:
            return
        send_signal(left, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def _signals_for(lifeline: int) -> Iterator[None]:
    """While the keeper runs: SIGINT is the command's affair, SIGTERM is passed on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupted(*_: object) -> None:
        """Do nothing: Ctrl-C reaches the command by itself."""

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
