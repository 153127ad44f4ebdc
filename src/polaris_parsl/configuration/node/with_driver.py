"""Run a command on a node for as long as its driver lives; standard library only.

    python -m polaris_parsl.configuration.node.with_driver ADDRESSES PORT -- COMMAND...

ADDRESSES, with commas, and PORT are where the driver listens. A driver lives if one of them accepts a
connection. It has ended if one refuses and none accepts; an address that does not answer says nothing,
and the command itself gives up after its own time. If the driver has ended before, the command is not
started. A command that a signal has killed is started again, but not for ever.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from types import FrameType

_ANSWER_SECONDS = 5.0
_LOOK_SECONDS = 10.0
# The driver must be found ended twice, with a pause, before the command is ended.
_AGAIN_SECONDS = 2.0
_END_SECONDS = 10.0
_STARTS = 3


def has_ended(addresses: list[str], port: int) -> bool:
    """Whether the driver is certain to have ended."""
    is_refused = False
    for address in addresses:
        try:
            with socket.create_connection((address, port), timeout=_ANSWER_SECONDS):
                return False
        except ConnectionRefusedError:
            is_refused = True
        except OSError:
            continue
    return is_refused


def is_alone(addresses: list[str], port: int) -> bool:
    """Whether the driver has ended, asked twice."""
    if not has_ended(addresses, port):
        return False
    time.sleep(_AGAIN_SECONDS)
    return has_ended(addresses, port)


def say(text: str) -> None:
    """Say something in the errors of the job."""
    sys.stderr.write(f"polaris_parsl on {socket.gethostname()}: {text}\n")
    sys.stderr.flush()


class Command:
    """The command, in a process group of its own and in the session of the job."""

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._process: subprocess.Popen[bytes] | None = None
        self.is_stopping = False

    def start(self) -> None:
        """Start it, once more."""
        # with the lock on the node's copies of files, which stay for as long as the command uses them
        self._process = subprocess.Popen(self._words, process_group=0, close_fds=False)
        if self.is_stopping:  # the signal came before the process was known
            self.signal(signal.SIGTERM)

    def wait(self, seconds: float) -> int | None:
        """Its exit code, None if it still runs after some seconds."""
        assert self._process is not None, "it was started"
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def signal(self, number: int) -> None:
        """Send a signal to all of its processes."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def stop(self, number: int, _frame: FrameType | None = None) -> None:
        """End it; also the handler of signals."""
        self.is_stopping = True
        self.signal(number)


def run(command: Command, addresses: list[str], port: int) -> int:
    """Run the command to its end, and return its exit code."""
    parent = os.getppid()
    for left in reversed(range(_STARTS)):
        command.start()
        code = None
        while code is None:
            code = command.wait(_LOOK_SECONDS)
            if code is None and os.getppid() != parent:
                say("what started the workers has ended, and so they end")
                return end(command)
            if code is None and is_alone(addresses, port):
                say("the driver has ended, and so the workers end")
                return end(command)
        # what the command leaves, as workers of a pool that was killed, would use the same GPUs
        command.signal(signal.SIGKILL)
        if code >= 0 or command.is_stopping:
            return code
        what = "it is started again" if left else "it is not started again"
        say(f"the pool of workers was killed by {signal.Signals(-code).name}; {what}")
    return 1


def end(command: Command) -> int:
    """End a command that nobody needs any more."""
    command.stop(signal.SIGTERM)
    if command.wait(_END_SECONDS) is None:
        command.signal(signal.SIGKILL)
    return 0


def main(arguments: list[str]) -> int:
    """Run what the command line says."""
    addresses, port, separator, *words = arguments
    assert separator == "--", "the launch command has it"
    where = addresses.split(",")
    if is_alone(where, int(port)):
        say("the driver of this job has ended, so no workers are started")
        return 0
    command = Command(words)
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, command.stop)
    code = run(command, where, int(port))
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
