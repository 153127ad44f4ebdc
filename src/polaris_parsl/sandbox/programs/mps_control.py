"""The node's nvidia-cuda-mps-control: NVIDIA's Multi-Process Service, without the service.

Run as a file, with the standard library alone: mps_control.py STATE ARGUMENT...
One daemon per node and pipe directory; commands for it come on standard input.
"""

import contextlib
import hashlib
import os
import signal
import sys
from pathlib import Path

_USAGE = "usage: nvidia-cuda-mps-control [-d]"
_DEFAULT_PIPES, _DEFAULT_LOGS = "/tmp/nvidia-mps", "/var/log/nvidia-mps"  # NVIDIA's own
_ANSWERED = {"get_default_active_thread_percentage": "100.0"}


class RefusedError(Exception):
    """The real one would refuse."""


def place(state: Path) -> Path:
    """Where the daemon of this node and pipe directory leaves its process id."""
    pipes = os.environ.get("CUDA_MPS_PIPE_DIRECTORY", _DEFAULT_PIPES)
    name = hashlib.sha256(pipes.encode()).hexdigest()[:16]
    return state / "mps" / f"{os.uname().nodename}-{name}"


def daemon(file: Path) -> int | None:
    """Process id of the living daemon, None without one."""
    try:
        pid = int(file.read_text().split()[0])
        os.kill(pid, 0)
    except (OSError, ValueError, IndexError):
        return None
    return pid


def start(file: Path) -> None:
    """Start the daemon: a process that waits to be ended, by `quit` or with its job.

    Raises:
        RefusedError: one is running, or its directories cannot be written.
    """
    if daemon(file) is not None:
        raise RefusedError("An instance of this daemon is already running")
    pipes = Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", _DEFAULT_PIPES))
    logs = Path(os.environ.get("CUDA_MPS_LOG_DIRECTORY", _DEFAULT_LOGS))
    try:
        for folder in (pipes, logs):
            folder.mkdir(exist_ok=True)
        log = (logs / "control.log").open("a")
    except OSError as error:
        raise RefusedError(f"Failed to start: {error}") from error
    file.parent.mkdir(parents=True, exist_ok=True)
    pid = os.fork()
    if pid:
        file.write_text(f"{pid}\n")
        return
    # Whoever waits for the end of our output must not wait for the daemon.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    log.write(f"[{os.uname().nodename} {os.getpid()}] Starting control daemon\n")
    log.close()
    while True:
        signal.pause()


def answer(file: Path, line: str) -> None:
    """Do what one command says.

    Raises:
        RefusedError: there is no daemon, or no such command.
    """
    pid = daemon(file)
    if pid is None:
        raise RefusedError("Cannot find MPS control daemon process")
    words = line.split()
    if words[0] == "start_server" and words[1:2] == ["-uid"] and len(words) == 3:
        file.write_text(f"{pid} {words[2]}\n")
    elif words == ["get_server_list"]:
        # A server exists from start_server on; the real one has a process of its own.
        for _ in file.read_text().split()[1:]:
            print(pid)
    elif words[0] in _ANSWERED:
        print(_ANSWERED[words[0]])
    elif words[0] == "quit":
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        file.unlink(missing_ok=True)
    else:
        raise RefusedError(f"Invalid command: {line}")


def main() -> int:
    """Start the daemon, or hand commands to it; 1 where it refuses."""
    state, *arguments = sys.argv[1:]
    file = place(Path(state))
    try:
        if arguments == ["-d"]:
            start(file)
        elif arguments:
            print(_USAGE)
            return 1
        else:
            for line in filter(None, map(str.strip, sys.stdin)):
                answer(file, line)
    except RefusedError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
