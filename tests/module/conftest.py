"""Shells with the real Lmod."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Shell = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def shell(lmod: Path, tmp_path: Path) -> Shell:
    """Runs bash code after Lmod's start-up in an otherwise small environment."""
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LMOD_IGNORE_CACHE": "yes",
        "LMOD_PAGER": "none",
        "LMOD_COLORIZE": "no",
        "LMOD_TERM_WIDTH": "400",
    }

    def run(code: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["bash", "--norc", "--noprofile", "-c", f"source {lmod}; {code}"],
            env={**env, **more},
            capture_output=True,
            text=True,
            check=False,
        )

    return run
