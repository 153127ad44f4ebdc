"""Runs the polaris-parsl of a bundle: the one that built the pinned install."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from polaris_parsl.errors import PolarisParslError
from polaris_parsl.process import WORK_SECONDS, run

BOOTSTRAP = "scripts/bootstrap.py"


class OwnSourceError(PolarisParslError):
    """The polaris-parsl of a bundle failed; its own message says why."""

    def __init__(self, problem: str, *, remedy: str, exit_code: int) -> None:
        super().__init__(problem, remedy=remedy)
        # each instance passes on the exit code of the other program
        self.exit_code = exit_code


def bootstrap(
    source: Path, arguments: Sequence[str], *, python: Path, env: Mapping[str, str]
) -> str:
    """Run a verb of a source tree's polaris-parsl, which makes its tools environment first.

    Args:
        source: top of the source tree; nothing is written into it.
        arguments: the verb and its arguments.
        python: the interpreter to begin with.
        env: environment variables.

    Returns:
        Its output.

    Raises:
        OwnSourceError: the verb failed.
    """
    command: list[str | Path] = [python, "-I", source / BOOTSTRAP, *arguments]
    done = run(
        command,
        env={**env, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=Path("/"),
        timeout_seconds=WORK_SECONDS,
    )
    if done.returncode != 0:
        message = done.stderr.strip().rpartition("error: ")[2]
        problem, _, remedy = message.partition("\n  fix: ")
        raise OwnSourceError(
            f"`polaris-parsl {arguments[0]}` of the bundle: {problem[-1500:]}",
            remedy=remedy or "see the message; --debug shows the command",
            exit_code=done.returncode,
        )
    return done.stdout
