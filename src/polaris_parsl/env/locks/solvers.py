"""The programs that solve: checked before anything is solved, and run with a time limit."""

import logging
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from polaris_parsl import below
from polaris_parsl.env.network import log_site_proxy, site_proxy
from polaris_parsl.env.tools import uv_program
from polaris_parsl.errors import LockError, MissingToolError
from polaris_parsl.process import NoAnswerError, run

_SOLVE_TIMEOUT_SECONDS = 900
_ANSWER_TIMEOUT_SECONDS = 60
# conda-lock issue 906: from this version on it does not find what mamba has answered
_MAMBA_TOO_NEW = (2, 6)

logger = logging.getLogger(__name__)


def need_solvers() -> None:
    """Refuse to begin where a solver is missing.

    Raises:
        MissingToolError: conda-lock, py-rattler or uv is not installed beside this command.
    """
    uv_program()
    for module, name in (("conda_lock", "conda-lock"), ("rattler", "py-rattler")):
        if find_spec(module) is None:
            raise MissingToolError(
                f"{name} is not installed beside this command",
                remedy="start it with `python3 scripts/bootstrap.py lock`",
            )


def conda_command(
    program: str | None, *, repodata: Path | None, env: Mapping[str, str]
) -> list[str]:
    """The command that conda-lock calls as its conda.

    Args:
        program: a conda, mamba or micromamba, by name or path; None takes our own solver.
        repodata: directory of recorded files, for our own solver.
        env: environment variables; PATH counts.

    Raises:
        MissingToolError: there is no such program, or it does not answer.
    """
    if program is None:
        shim = [sys.executable, "-P", str(Path(__file__).with_name("conda_shim.py"))]
        return shim if repodata is None else [*shim, "--repodata", str(repodata.resolve())]
    found = shutil.which(program, path=env.get("PATH"))
    answer = _version(found, env) if found else ""
    if not found or not answer:
        raise MissingToolError(
            f"{program} does not run, or does not print its version"
            if found
            else f"there is no program {program}",
            remedy="name a conda, mamba or micromamba, or leave out --conda",
        )
    numbers = re.search(r"(\d+)\.(\d+)", answer)
    version = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
    if "mamba" in Path(found).name and version >= _MAMBA_TOO_NEW:
        logger.warning(
            "conda-lock is known to fail with mamba 2.6 and later (its issue 906): %s is %s",
            found,
            answer.split()[-1],
        )
    return [str(Path(found).absolute())]


def write_program(path: Path, command: Sequence[str]) -> None:
    """Write a program that runs a command with the arguments that it is given."""
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', encoding="utf-8")
    below.change_path(path, 0o755)


def solve(command: Sequence[str | Path], what: str, *, cwd: Path, env: Mapping[str, str]) -> None:
    """Run a solver, again through the site's proxy where it fails without and that answers.

    Raises:
        LockError: it finds no solution, or none in time.
    """
    try:
        done = run(command, cwd=cwd, env=env, timeout_seconds=_SOLVE_TIMEOUT_SECONDS)
        if done.returncode != 0 and (site := site_proxy(env)):
            log_site_proxy(site)
            env = {**env, **site}
            done = run(command, cwd=cwd, env=env, timeout_seconds=_SOLVE_TIMEOUT_SECONDS)
    except NoAnswerError as error:
        raise LockError(
            f"{what} found no solution within {_SOLVE_TIMEOUT_SECONDS} s", remedy="try again later"
        ) from error
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        output = "\n    ".join(lines[:12])
        raise LockError(
            f"{what} was not solved:\n    {output}",
            remedy="correct environment.yml, then lock again",
        )


def _version(program: str, env: Mapping[str, str]) -> str:
    try:
        done = run([program, "--version"], env=env, timeout_seconds=_ANSWER_TIMEOUT_SECONDS)
    except OSError:
        return ""
    return done.stdout.strip().splitlines()[0] if done.returncode == 0 and done.stdout else ""
