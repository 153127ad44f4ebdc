"""Whole workflows: the installed module in Lmod, on the sandbox's nodes."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

import isolations

Sandboxed = Callable[..., str]
_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


@pytest.fixture
def run_isolated(tmp_path: Path) -> Callable[..., str]:
    """Runs a command in the sandbox of this source tree with an isolation, and more before its PATH.

    Its nodes share tmp_path, which is its home, and another directory that is named.
    """

    def run(
        isolation: str,
        *command: str | Path,
        path: str = "",
        shared: Path = tmp_path,
        nodes: int = 4,
    ) -> str:
        isolations.need(isolation)
        words = ["sandbox", "--nodes", str(nodes), "--shared", shared, "--", *command]
        return _output(
            [sys.executable, "-m", "polaris_parsl", *words],
            cwd=tmp_path,
            env={
                "HOME": str(tmp_path),
                "PATH": f"{path}{_PATH}",
                "POLARIS_PARSL_SANDBOX_ISOLATION": isolation,
                **{name: os.environ[name] for name in ("LANG", "USER") if name in os.environ},
            },
        )

    return run


@pytest.fixture
def in_sandbox(install: Any, lmod: Path, tmp_path: Path) -> Sandboxed:
    """Loads the module in a bash of its own, and runs a command in the sandbox, in project/."""
    return _in_sandbox(install, lmod, tmp_path)


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of what several tests of a module look at."""
    return tmp_path_factory.mktemp("module")


@pytest.fixture(scope="module")
def in_sandbox_once(install: Any, lmod: Path, module_folder: Path) -> Sandboxed:
    """The same in the directory of the module, for runs that several of its tests look at."""
    return _in_sandbox(install, lmod, module_folder)


def _in_sandbox(install: Any, lmod: Path, folder: Path) -> Sandboxed:
    (folder / "project").mkdir()

    def run(command: str, *options: str) -> str:
        script = f"""
        set -e
        . {lmod}
        module use {quote(str(install.prefix))}/modulefiles
        module load polaris-parsl
        cd {folder}/project
        polaris-parsl sandbox {" ".join(options)} -- {command}
        """
        return _output(
            ["/bin/bash", "--noprofile", "--norc", "-c", script],
            cwd=folder,
            env={"HOME": str(folder), "PATH": _PATH},
        )

    return run


def _output(command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str]) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=1100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
