"""The node's nvidia-cuda-mps-control: imitates the control daemon, but shares no GPU.

Python runs it as a file; it uses the standard library only: mps_control.py STATE ARGUMENT...
There is one daemon per node and pipe directory; it takes commands on standard input.
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


class MpsControlError(Exception):
    """NVIDIA's program would refuse."""


def place(state: Path) -> Path:
    """The file with the process id of the daemon of this node and pipe directory."""
    pipes = os.environ.get("CUDA_MPS_PIPE_DIRECTORY", _DEFAULT_PIPES)
    name = hashlib.sha256(pipes.encode()).hexdigest()[:16]
    return state / "mps" / f"{os.uname().nodename}-{name}"


def daemon(file: Path) -> int | None:
    """The process id of the running daemon; None if there is none."""
    try:
        pid = int(file.read_text().split()[0])
        os.kill(pid, 0)
    except (OSError, ValueError, IndexError):
        return None
    return pid


def start(file: Path) -> None:
    """Start the daemon: a process that waits until `quit` or the end of its job ends it.

    Raises:
        MpsControlError: a daemon is running, or its directories are not writable.
    """
    if daemon(file) is not None:
        raise MpsControlError("An instance of this daemon is already running")
    pipes = Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", _DEFAULT_PIPES))
    logs = Path(os.environ.get("CUDA_MPS_LOG_DIRECTORY", _DEFAULT_LOGS))
    try:
        for folder in (pipes, logs):
            folder.mkdir(exist_ok=True)
        log = (logs / "control.log").open("a")
    except OSError as error:
        raise MpsControlError(f"Failed to start: {error}") from error
    file.parent.mkdir(parents=True, exist_ok=True)
    pid = os.fork()
    if pid:
        file.write_text(f"{pid}\n")
        return
    # A caller that waits for the end of our output must not wait for the daemon.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    log.write(f"[{os.uname().nodename} {os.getpid()}] Starting control daemon\n")
    log.close()
    while True:
        signal.pause()


def answer(file: Path, line: str) -> None:
    """Carry out one command.

    Raises:
        MpsControlError: there is no daemon, or no such command.
    """
    pid = daemon(file)
    if pid is None:
        raise MpsControlError("Cannot find MPS control daemon process")
    words = line.split()
    if words[0] == "start_server" and words[1:2] == ["-uid"] and len(words) == 3:
        file.write_text(f"{pid} {words[2]}\n")
    elif words == ["get_server_list"]:
        # A server exists after start_server; NVIDIA's has a process of its own.
        for _ in file.read_text().split()[1:]:
            print(pid)
    elif words[0] in _ANSWERED:
        print(_ANSWERED[words[0]])
    elif words[0] == "quit":
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        file.unlink(missing_ok=True)
    else:
        raise MpsControlError(f"Invalid command: {line}")


def main() -> int:
    """Start the daemon, or pass it commands; return 1 if it refuses."""
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
    except MpsControlError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
