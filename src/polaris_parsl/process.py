"""Runs other programs to completion, and the type of what shows the steps of a command."""

import logging
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

# Called with the name of a step, around it: cli/progress.py shows it.
Step = Callable[[str], AbstractContextManager[None]]

logger = logging.getLogger(__name__)


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    timeout_seconds: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command, capture its output as text and return it whatever the exit code.

    Args:
        command: program and arguments; no shell is involved.
        env: the whole environment of the command; None passes on our own.
        cwd: directory to run in.
        stdin: text for its standard input; None gives it an empty one.
        timeout_seconds: after so many seconds the command is killed.

    Raises:
        OSError: the program cannot be started.
        subprocess.TimeoutExpired: it took longer than timeout_seconds.
    """
    argv = [str(word) for word in command]
    logger.info("running %s", shlex.join(argv))
    completed = subprocess.run(
        argv,
        env=None if env is None else dict(env),
        cwd=cwd,
        input=stdin or "",
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    logger.info("exit code %d from %s", completed.returncode, argv[0])
    return completed
