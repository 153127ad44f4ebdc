"""Runs the polaris-parsl of a bundle, which is the one that built what it pins."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from polaris_parsl.errors import PolarisParslError
from polaris_parsl.process import run


class OwnSourceError(PolarisParslError):
    """The polaris-parsl of a bundle refused to do its part; its own words say why."""

    def __init__(self, problem: str, *, remedy: str, exit_code: int) -> None:
        super().__init__(problem, remedy=remedy)
        # an instance has its own, because it passes on what the other program returned
        self.exit_code = exit_code


def bootstrap(
    source: Path, arguments: Sequence[str], *, python: Path, env: Mapping[str, str]
) -> str:
    """Run a verb of a source tree's polaris-parsl, which makes its own tools environment.

    Args:
        source: top of the source tree; nothing is written into it.
        arguments: the verb and its arguments.
        python: the interpreter to begin with.
        env: environment variables.

    Returns:
        What it printed.

    Raises:
        OwnSourceError: it failed.
    """
    command: list[str | Path] = [python, source / "scripts" / "bootstrap.py", *arguments]
    done = run(command, env={**env, "PYTHONDONTWRITEBYTECODE": "1"}, cwd=Path("/"))
    if done.returncode != 0:
        told = done.stderr.strip().rpartition("error: ")[2]
        problem, _, remedy = told.partition("\n  fix: ")
        raise OwnSourceError(
            f"`polaris-parsl {arguments[0]}` of the bundle: {problem[-1500:]}",
            remedy=remedy or "see the message; --debug shows the command",
            exit_code=done.returncode,
        )
    return done.stdout
