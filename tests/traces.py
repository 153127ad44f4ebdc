"""System calls of a program and of all that it starts, counted by strace."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

# Those that name a path, failing ones included, or list a directory.
PATHS = "%file,getdents64"


def need() -> None:
    """Skip the test where strace is missing."""
    if shutil.which("strace") is None:
        if "strace" in os.environ.get("POLARIS_PARSL_REQUIRE", ""):
            pytest.fail("strace is missing: scripts/test.sh installs it")
        pytest.skip("the program strace is not on this machine")


def calls(
    *command: object, env: Mapping[str, str], trace: Path, what: str = PATHS, code: int = 0
) -> int:
    """How many a program makes that ends with this exit code."""
    options = ["-f", "-qq", "--seccomp-bpf", "-e", f"trace={what}", "-e", "signal=none"]
    words = ["strace", *options, "-o", trace]
    done = subprocess.run(
        [str(each) for each in (*words, *command)],
        env={**env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    # a call that another process interrupts is two lines; one with an empty path asks about an open file
    other = ("resumed>", ', "", ') if what == PATHS else ("resumed>",)
    lines = trace.read_text(errors="replace").splitlines()
    return sum(not any(each in line for each in other) for line in lines)
