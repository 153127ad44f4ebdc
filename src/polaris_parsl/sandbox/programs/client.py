"""The thin client behind qsub, qstat, qdel and ssh: sends its call to the daemon.

Any Python runs this file; it uses the standard library only:
client.py STATE TOOL ARGUMENT...

It starts several times a second, so it imports what Python has built in: socket, signal, json and struct would take
twice as long as all the rest.
"""

import _signal  # type: ignore[import-not-found]
import _socket
import marshal
import os
import sys
import time

NO_DAEMON = {"qsub": 162, "qdel": 162}
SSH_FAILED = 255
POLL_SECONDS = 0.2
# of a message: its length comes first
LENGTH_BYTES = 4
# what every Python 3 reads
MARSHAL_VERSION = 2
_FD_BYTES = 4
_PART_BYTES = 1 << 16


def connect(state: str) -> _socket.socket:
    """A connection to the daemon; its path may be longer than a socket address allows."""
    folder = os.open(state, os.O_RDONLY)
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect(f"/proc/self/fd/{folder}/sock")
    except OSError:
        connection.close()
        raise
    finally:
        os.close(folder)
    return connection


def ask(state: str, message: dict[str, object], *fds: int) -> dict[str, object]:
    """Send one message, its length with the file descriptors; returns the daemon's answer."""
    data = marshal.dumps(message, MARSHAL_VERSION)
    passed = b"".join(fd.to_bytes(_FD_BYTES, sys.byteorder) for fd in fds)
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, passed)] if fds else []
    connection = connect(state)
    try:
        connection.sendmsg([len(data).to_bytes(LENGTH_BYTES, "big")], rights)
        connection.sendall(data)
        # the answer ends with the connection
        answer = b"".join(iter(lambda: connection.recv(_PART_BYTES), b""))
    finally:
        connection.close()
    if not answer:
        raise ConnectionResetError("it ended before it answered")
    found: dict[str, object] = marshal.loads(answer)
    return found


def main() -> int:
    """Send the call, print the answer, return the exit code."""
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
    state, tool, *argv = sys.argv[1:]
    call: dict[str, object] = {"tool": tool, "argv": argv, "cwd": os.getcwd()}  # noqa: PTH109
    if tool != "ssh":
        call["environment"] = dict(os.environ)
    try:
        answer = ask(state, call, 0, 1, 2)
        if answer.get("wants_stdin"):
            data = sys.stdin.buffer.read().decode(errors="surrogateescape")
            answer = ask(state, call | {"stdin": data}, 0, 1, 2)
    except (OSError, EOFError, ValueError) as error:
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
    import json  # noqa: PLC0415 - only this needs it

    while True:
        answer = ask(state, question)
        if answer["exit_code"] != 0:
            return 1  # it is not known any more
        (job,) = json.loads(str(answer["stdout"]))["Jobs"].values()
        if job["job_state"] == "F":
            return int(job.get("Exit_status", 1)) & 0xFF
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
