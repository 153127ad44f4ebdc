"""The thin client behind qsub, qstat, qdel and ssh: sends its call to the daemon.

Any Python runs this file; it uses the standard library only:
client.py STATE TOOL ARGUMENT...
"""

import array
import json
import os
import signal
import socket
import struct
import sys
import time

NO_DAEMON = {"qsub": 162, "qdel": 162}
SSH_FAILED = 255
POLL_SECONDS = 0.2


def connect(state: str) -> socket.socket:
    """A connection to the daemon; its path may be longer than a socket address allows."""
    folder = os.open(state, os.O_RDONLY)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(f"/proc/self/fd/{folder}/sock")
    except OSError:
        connection.close()
        raise
    finally:
        os.close(folder)
    return connection


def send(connection: socket.socket, message: dict[str, object], *fds: int) -> None:
    """Send one message: its length with the file descriptors, then JSON."""
    data = json.dumps(message).encode()
    passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    connection.sendmsg([struct.pack("!I", len(data))], passed)
    connection.sendall(data)


def receive(connection: socket.socket) -> dict[str, object]:
    """The daemon's answer, which ends with a newline or the connection."""
    with connection.makefile("rb") as stream:
        answer: dict[str, object] = json.loads(stream.readline())
        return answer


def main() -> int:
    """Send the call, print the answer, return the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    state, tool, *argv = sys.argv[1:]
    call: dict[str, object] = {"tool": tool, "argv": argv, "cwd": os.getcwd()}  # noqa: PTH109
    if tool != "ssh":
        call["environment"] = dict(os.environ)
    try:
        answer = _ask(state, call)
        if answer.get("wants_stdin"):
            data = sys.stdin.buffer.read().decode(errors="surrogateescape")
            answer = _ask(state, call | {"stdin": data})
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{tool}: cannot connect to the sandbox in {state}: {error}\n")
        return NO_DAEMON.get(tool, SSH_FAILED)
    sys.stdout.write(str(answer.get("stdout", "")))
    sys.stdout.flush()
    sys.stderr.write(str(answer.get("stderr", "")))
    code = answer["exit_code"]
    job = answer.get("waits_for")
    if job:
        code = _exit_code_of(state, call | {"tool": "qstat", "argv": ["-xfFjson", job]})
    return code if isinstance(code, int) else 1


def _exit_code_of(state: str, question: dict[str, object]) -> int:
    """Wait for the end of a job, as `qsub -W block=true` does; of its exit code, what fits in a byte."""
    while True:
        answer = _ask(state, question)
        if answer["exit_code"] != 0:
            return 1  # it is not known any more
        (job,) = json.loads(str(answer["stdout"]))["Jobs"].values()
        if job["job_state"] == "F":
            return int(job.get("Exit_status", 1)) & 0xFF
        time.sleep(POLL_SECONDS)


def _ask(state: str, call: dict[str, object]) -> dict[str, object]:
    with connect(state) as connection:
        send(connection, call, 0, 1, 2)
        return receive(connection)


if __name__ == "__main__":
    sys.exit(main())
