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

Sandboxed = Callable[[str], str]
_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


@pytest.fixture
def run_isolated(tmp_path: Path) -> Callable[..., str]:
    """Runs a command in the sandbox of this source tree with an isolation, and more before its PATH.

    Its nodes share tmp_path, which is its home, and another directory that is named.
    """

    def run(isolation: str, *command: str | Path, path: str = "", shared: Path = tmp_path) -> str:
        isolations.need(isolation)
        words = ["sandbox", "--shared", shared, "--", *command]
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
    (tmp_path / "project").mkdir()

    def run(command: str) -> str:
        script = f"""
        set -e
        . {lmod}
        module use {quote(str(install.prefix))}/modulefiles
        module load polaris-parsl
        cd {tmp_path}/project
        polaris-parsl sandbox -- {command}
        """
        return _output(
            ["/bin/bash", "--noprofile", "--norc", "-c", script],
            cwd=tmp_path,
            env={"HOME": str(tmp_path), "PATH": _PATH},
        )

    return run


def _output(command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str]) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
