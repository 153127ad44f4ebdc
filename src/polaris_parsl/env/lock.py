"""Writing the three locks from environment.yml and pyproject.toml.

conda-lock.yml is written by conda-lock, with our own solver (conda_shim.py) in
the place of conda; overlay.lock and tools.lock by uv. Nothing here edits what a
solver wrote. All three are solved in a scratch directory and put in place
together, so that a failure leaves the old ones as they are.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import yaml

from polaris_parsl.env.locks import LOCKS, overlay_requirements, read_conda, read_requirements
from polaris_parsl.env.tools import uv_program
from polaris_parsl.errors import LockError, MissingToolError
from polaris_parsl.process import Step, run

_CHANNEL_ALIAS = "https://conda.anaconda.org"
_CHANNEL_TIMEOUT_SECONDS = 10
_SOLVE_TIMEOUT_SECONDS = 900

# The interpreters that the locks are for; uv leaves out the wheels of all others.
_PROJECT = """\
[project]
name = "solve"
version = "0"
requires-python = ">=3.11,<3.14"
dependencies = {dependencies}

[tool.uv]
environments = [
    "sys_platform == 'linux' and platform_machine == 'x86_64' and implementation_name == 'cpython'",
]
constraint-dependencies = {constraints}
"""


def relock(root: Path, *, env: Mapping[str, str], repodata: Path | None, step: Step) -> None:
    """Solve and replace the three locks of a source tree.

    Args:
        root: top of the source tree; environment.yml and pyproject.toml lie there.
        env: environment variables for the solvers (proxies, index settings).
        repodata: directory of recorded `<subdir>.repodata.json[.gz]` files to solve
            the conda part over; None asks the channel itself.
        step: called with the name of each step.

    Raises:
        LockError: the channel does not answer, or a solver finds no solution.
        MissingToolError: a solver is not installed.
    """
    environment = root / "environment.yml"
    wanted = overlay_requirements(environment)
    with tempfile.TemporaryDirectory(prefix="polaris-parsl-lock-") as scratch:
        new = Path(scratch)
        with step("solve the conda part (conda-lock, py-rattler)"):
            if repodata is None:
                _reach_channels(environment)
            _lock_conda(environment, new, env=env, repodata=repodata)
            read_conda(new / "conda-lock.yml")
        with step("solve the overlay (uv)"):
            _lock_python(new / "overlay.lock", wanted, constraints=[], env=env)
        with step("solve the tools (uv)"):
            tools = _tools_requirements(root)
            _lock_python(new / "tools.lock", tools, constraints=wanted, env=env)
        for name in LOCKS:
            _put(new / name, root / name)


def _reach_channels(environment: Path) -> None:
    for name in yaml.safe_load(environment.read_text(encoding="utf-8")).get("channels", []):
        root = name if "://" in name else f"{_CHANNEL_ALIAS}/{name}"
        url = f"{root.rstrip('/')}/noarch/repodata.json.zst"
        try:
            with urlopen(Request(url, method="HEAD"), timeout=_CHANNEL_TIMEOUT_SECONDS):
                pass
        except (URLError, OSError, ValueError) as error:
            raise LockError(
                f"the conda channel {name} does not answer: {url}: {error}",
                remedy="set the site's proxy (https_proxy), or give recorded files with --repodata",
            ) from error


def _lock_conda(
    environment: Path, folder: Path, *, env: Mapping[str, str], repodata: Path | None
) -> None:
    if repodata is not None:
        _check_repodata(repodata)
    conda = folder / "conda"
    program = [sys.executable, "-P", str(Path(__file__).with_name("conda_shim.py"))]
    program += [] if repodata is None else ["--repodata", str(repodata.resolve())]
    conda.write_text(f'#!/bin/sh\nexec {shlex.join(program)} "$@"\n', encoding="utf-8")
    conda.chmod(0o755)
    # conda-lock fetches this map of names from the network otherwise; only pip sections need it
    names = folder / "names.json"
    names.write_text("{}", encoding="utf-8")
    shutil.copy(environment, folder / "environment.yml")
    command: list[str | Path] = [sys.executable, "-m", "conda_lock", "lock"]
    command += ["--conda", conda, "--file", "environment.yml", "--lockfile", "conda-lock.yml"]
    command += ["--pypi_to_conda_lookup_file", names.as_uri()]
    # one of the two alone makes a file that conda-lock cannot read again
    command += ["--metadata", "input_md5", "--metadata", "input_sha"]
    # a comment that it writes follows the order of a set
    _solve(command, "conda-lock", cwd=folder, env={**env, "PYTHONHASHSEED": "0"})


def _check_repodata(repodata: Path) -> None:
    for subdir in ("linux-64", "noarch"):
        if not list(repodata.glob(f"{subdir}.repodata.json*")):
            raise LockError(
                f"{repodata} holds no {subdir}.repodata.json (nor that with .gz)",
                remedy="give the directory with the recorded files of all subdirs",
            )


def _tools_requirements(root: Path) -> list[str]:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["tools"]]


def _lock_python(
    target: Path, wanted: Sequence[str], *, constraints: Sequence[str], env: Mapping[str, str]
) -> None:
    folder = target.with_suffix(".project")
    folder.mkdir()
    text = _PROJECT.format(dependencies=json.dumps(wanted), constraints=json.dumps(constraints))
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    uv = uv_program()
    python: list[str | Path] = ["--no-build", "--python", sys.executable]
    _solve([uv, "lock", *python], target.name, cwd=folder, env=env)
    export: list[str | Path] = [
        uv,
        "export",
        "--frozen",
        "--no-emit-project",
        "--no-header",
        "--no-annotate",
    ]
    _solve([*export, *python, "--output-file", target], target.name, cwd=folder, env=env)
    read_requirements(target)


def _solve(command: Sequence[str | Path], what: str, *, cwd: Path, env: Mapping[str, str]) -> None:
    try:
        done = run(command, cwd=cwd, env=env, timeout_seconds=_SOLVE_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise LockError(
            f"{what} found no solution within {_SOLVE_TIMEOUT_SECONDS} s", remedy="try again later"
        ) from error
    if "No module named conda_lock" in done.stderr:
        raise MissingToolError(
            "conda-lock is not installed beside this command",
            remedy="start it with `python3 scripts/bootstrap.py lock`",
        )
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        told = "\n    ".join(lines[:12])
        raise LockError(
            f"{what} was not solved:\n    {told}", remedy="correct environment.yml, then lock again"
        )


def _put(new: Path, old: Path) -> None:
    staged = old.with_name(f".{old.name}.new")
    shutil.copyfile(new, staged)
    os.replace(staged, old)  # noqa: PTH105 - the word for what is meant here
