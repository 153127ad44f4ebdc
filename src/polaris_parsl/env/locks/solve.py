"""Writing all locks of a source tree from its environment files and pyproject.toml.

Nothing here edits what a solver wrote. All locks are solved in a scratch directory
and put in place together, so that a failure leaves the old ones unchanged.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from polaris_parsl.env.locks.conda import check_repodata, lock_conda, reach_channels
from polaris_parsl.env.locks.files import (
    CONDA_LOCK,
    TOOL_LOCKS,
    lock_names,
    overlay_lock,
    read_conda,
)
from polaris_parsl.env.locks.python import Origin, lock_python, python_origins
from polaris_parsl.env.locks.solvers import conda_command, need_solvers
from polaris_parsl.env.release_names import CURRENT
from polaris_parsl.errors import LockError
from polaris_parsl.process import Step


def relock(
    root: Path,
    *,
    env: Mapping[str, str],
    repodata: Path | None,
    conda: str | None = None,
    step: Step,
) -> None:
    """Solve and replace the locks of a source tree.

    Args:
        root: top of the source tree; environment.yml and pyproject.toml lie there.
        env: environment variables for the solvers (proxies, index settings).
        repodata: directory of recorded `<subdir>.repodata.json[.gz]` files to solve
            the conda part over; None asks the channel itself.
        conda: a conda, mamba or micromamba to solve with; None takes our own solver.
        step: called with the name of each step.

    Raises:
        LockError: the channel does not answer, or a solver finds no solution.
        MissingToolError: a solver is not installed.
    """
    need_solvers()
    if conda and repodata:
        raise LockError(
            f"{conda} cannot solve over recorded files", remedy="give --conda or --repodata"
        )
    solver = conda_command(conda, repodata=repodata, env=env)
    environment = root / "environment.yml"
    origins = python_origins(root)
    with tempfile.TemporaryDirectory(prefix="polaris-parsl-lock-") as scratch:
        new = Path(scratch)
        if repodata is None:
            with step("ask the conda channel"):
                reach_channels(environment, env=env)
        else:
            check_repodata(repodata)
        for together in _groups(origins):
            with step(f"solve {', '.join(together)} (uv)"):
                lock_python(new, together, env=env)
        with step(f"solve {CONDA_LOCK} (conda-lock)"):
            lock_conda(environment, new, within=new / overlay_lock(CURRENT), conda=solver, env=env)
            read_conda(new / CONDA_LOCK)
        for name in lock_names(environment):
            _put(new / name, root / name)


def _groups(origins: Mapping[str, Origin]) -> list[Mapping[str, Origin]]:
    """Which locks are solved together: those of the tools, which one environment may hold."""
    tools = {name: origins[name] for name in TOOL_LOCKS}
    return [*({name: each} for name, each in origins.items() if name not in tools), tools]


def _put(new: Path, old: Path) -> None:
    staged = old.with_name(f".{old.name}.new")
    shutil.copyfile(new, staged)
    os.replace(staged, old)  # noqa: PTH105 - atomic, as its name says
