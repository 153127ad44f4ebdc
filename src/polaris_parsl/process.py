"""Runs other programs to completion, and the type of what shows the steps of a command.

No program may take for ever or print without an end, not even one that a stranger chose.
"""

import contextlib
import errno
import locale
import logging
import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

# Called with the name of a step, around it: cli/progress.py shows it.
Step = Callable[[str], AbstractContextManager[None]]

# for a program that only answers, and for one that builds or fetches something
ANSWER_SECONDS = 120.0
WORK_SECONDS = 7200.0
OUTPUT_BYTES = 128 << 20

_CHUNK_BYTES = 1 << 16
_LOOK_SECONDS = 0.5

logger = logging.getLogger(__name__)


class NoAnswerError(OSError):
    """A program took too long, or printed too much, and was killed."""

    def __init__(self, program: str, problem: str) -> None:
        super().__init__(errno.ETIME, f"{program} {problem}")

    def __str__(self) -> str:
        """Without the number, which says nothing here."""
        return str(self.strerror)


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    timeout_seconds: float = ANSWER_SECONDS,
    output_bytes: int = OUTPUT_BYTES,
    own_session: bool = False,
    may_ask: bool = False,
    is_over: Callable[[], bool] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command, capture its output as text and return it whatever the exit code.

    Args:
        command: program and arguments; no shell is involved.
        env: the whole environment of the command; None passes on our own.
        cwd: directory to run in.
        stdin: text for its standard input; None gives it an empty one.
        timeout_seconds: after so many seconds the command is killed, with all of its process group.
        output_bytes: after so many bytes of output and errors it is killed, too.
        own_session: give it a session without a terminal.
        may_ask: leave it in our process group, so that it may ask the user at the terminal.
        is_over: asked twice a second; once it is true the command is killed, as if it were late.

    Raises:
        OSError: the program cannot be started.
        NoAnswerError: it took longer, or printed more; that is an OSError, too.
    """
    with started(
        command,
        env=env,
        cwd=cwd,
        stdin=stdin,
        timeout_seconds=timeout_seconds,
        output_bytes=output_bytes,
        own_session=own_session,
        may_ask=may_ask,
        is_over=is_over,
    ) as finish:
        return finish()


@contextmanager
def started(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    timeout_seconds: float = ANSWER_SECONDS,
    output_bytes: int = OUTPUT_BYTES,
    own_session: bool = False,
    may_ask: bool = False,
    is_over: Callable[[], bool] | None = None,
) -> Iterator[Callable[[], subprocess.CompletedProcess[str]]]:
    """Start a command, to do other work while it runs; arguments and errors are those of `run`.

    Yields:
        What waits for the command, and returns its output. A command that was not waited for is
        killed at the end.
    """
    argv = [str(word) for word in command]
    logger.info("running %s", shlex.join(argv))
    process = subprocess.Popen(
        argv,
        env=None if env is None else dict(env),
        cwd=cwd,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=own_session,
        # a group of its own, so that what the command starts is killed with it
        process_group=None if own_session or may_ask else 0,
    )
    deadline = _Deadline(timeout_seconds, is_over)

    def finish() -> subprocess.CompletedProcess[str]:
        written = _exchange(process, (stdin or "").encode(), deadline, output_bytes)
        logger.info("exit code %d from %s", process.returncode, argv[0])
        output, errors = (_text(each) for each in written)
        return subprocess.CompletedProcess(argv, process.returncode, output, errors)

    with process:
        try:
            yield finish
        finally:
            if process.returncode is None:
                _kill(process, whole_group=not may_ask)


class _Deadline:
    """The time until which a program must have ended, which may come sooner than was said."""

    def __init__(self, seconds: float, is_over: Callable[[], bool] | None) -> None:
        self._began, self._seconds, self._is_over = time.monotonic(), seconds, is_over

    def left(self) -> float:
        """Seconds to wait before it is asked again; 0 when the time is over."""
        left = max(0.0, self._began + self._seconds - time.monotonic())
        if self._is_over is None:
            return left
        return 0.0 if self._is_over() else min(left, _LOOK_SECONDS)

    def error(self, program: str) -> NoAnswerError:
        """What to raise when it is over."""
        waited = min(self._seconds, round(time.monotonic() - self._began, 1))
        return NoAnswerError(program, f"did not answer within {waited:g} s")


def _exchange(
    process: "subprocess.Popen[bytes]", stdin: bytes, deadline: _Deadline, most: int
) -> tuple[bytes, bytes]:
    """Give a process its input, and take its output until it has ended."""
    program = str(process.args[0])  # type: ignore[index] # it was started with a list
    written: dict[str, list[bytes]] = {"output": [], "errors": []}
    rest, left = memoryview(stdin), most
    with selectors.DefaultSelector() as selector:
        for stream, name in ((process.stdout, "output"), (process.stderr, "errors")):
            assert stream is not None
            selector.register(stream, selectors.EVENT_READ, name)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin, selectors.EVENT_WRITE)
        while selector.get_map():
            for key, _ in selector.select(deadline.left()):
                if key.data is None:
                    rest = _give(key.fd, rest)
                    is_done = not rest
                else:
                    chunk = os.read(key.fd, _CHUNK_BYTES)
                    written[key.data].append(chunk)
                    left -= len(chunk)
                    is_done = not chunk
                if is_done:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]
            if left < 0:
                raise NoAnswerError(program, f"printed more than {most} bytes")
            if not deadline.left():
                raise deadline.error(program)
    while left_seconds := deadline.left():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(left_seconds)
            break
    else:
        raise deadline.error(program)
    return b"".join(written["output"]), b"".join(written["errors"])


def _give(stream: int, rest: memoryview) -> memoryview:
    """Write what fits; what is left of it: nothing where the other end is closed."""
    try:
        return rest[os.write(stream, rest[:_CHUNK_BYTES]) :]
    except BlockingIOError:
        return rest
    except BrokenPipeError:
        return rest[:0]


def _kill(process: "subprocess.Popen[bytes]", *, whole_group: bool) -> None:
    with contextlib.suppress(ProcessLookupError):
        if whole_group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _text(written: bytes) -> str:
    return written.decode(locale.getencoding()).replace("\r\n", "\n").replace("\r", "\n")
