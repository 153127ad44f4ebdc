"""Whole workflows: the installed module in Lmod, on the sandbox's nodes."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

Sandboxed = Callable[[str], str]


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
        done = subprocess.run(
            ["/bin/bash", "--noprofile", "--norc", "-c", script],
            env={"HOME": str(tmp_path), "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
