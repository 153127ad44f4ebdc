"""Shells with real module systems, and small installs to load in them."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import places

Shell = Callable[..., "subprocess.CompletedProcess[str]"]

# What module systems keep for themselves as long as a shell lives.
_BOOKKEEPING = ("_ModuleTable", "__LMOD_", "_LMFILES_", "LOADEDMODULES", "__MODULES_", "_=")


def _inits() -> list[Path]:
    """Start-up files for bash of the Lmods to try: the system's, and those of LMOD_INITS."""
    more = os.environ.get("LMOD_INITS", "").split(":")
    return [Path("/usr/share/lmod/lmod/init/bash"), *(Path(word) for word in more if word)]


@pytest.fixture(scope="session", params=_inits(), ids=lambda path: path.parents[3].name)
def lmod(request: pytest.FixtureRequest) -> Path:
    """Lmod's start-up file for bash, of each Lmod in turn."""
    init: Path = request.param
    if not init.exists():
        # a Lmod that LMOD_INITS names must be there; the system's may be missing on a laptop
        required = "lmod" in os.environ.get("POLARIS_PARSL_REQUIRE", "")
        stop = pytest.fail if required or init != _inits()[0] else pytest.skip
        stop(f"there is no {init}")
    return init


@pytest.fixture
def shell(lmod: Path, tmp_path: Path) -> Shell:
    """Runs code after Lmod's start-up in an otherwise small environment.

    The shell is bash, or another that Lmod has a start-up file for.
    """
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LMOD_IGNORE_CACHE": "yes",
        "LMOD_PAGER": "none",
        "LMOD_COLORIZE": "no",
        "LMOD_TERM_WIDTH": "400",
    }

    def run(code: str, *, by: str = "bash", **more: str) -> "subprocess.CompletedProcess[str]":
        return run_shell(f"source {lmod.with_name(by)}\n{code}", by=by, env={**env, **more})

    return run


@pytest.fixture
def tcl_shell(environment_modules: Path, tmp_path: Path) -> Shell:
    """Runs code after the start-up of Environment Modules in an otherwise small environment."""
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "MODULES_PAGER": ""}

    def run(code: str, *, by: str = "bash", **more: str) -> "subprocess.CompletedProcess[str]":
        init = environment_modules.with_name(by)
        return run_shell(f"source {init}\n{code}", by=by, env={**env, **more})

    return run


_START = {
    "bash": ["bash", "--norc", "--noprofile", "-c"],
    "zsh": ["zsh", "-f", "-c"],
    "tcsh": ["tcsh", "-f", "-c"],
    "fish": ["fish", "--no-config", "-c"],
    "sh": ["dash", "-c"],
}


def run_shell(code: str, *, by: str, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run code in a shell that reads no start-up file of its own; skips where it is not there."""
    command = _START[by]
    if shutil.which(command[0]) is None:
        if "shells" in os.environ.get("POLARIS_PARSL_REQUIRE", ""):
            pytest.fail(f"{command[0]} is required")
        pytest.skip(f"{command[0]} is not on this machine")
    return subprocess.run(
        [*command, code.replace("source", ".") if by == "sh" else code],
        env=env,
        cwd=env["HOME"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(params=["project", "project with spaces"])
def prefix_name(request: pytest.FixtureRequest) -> str:
    """The common name of a prefix, and an odd one."""
    name: str = request.param
    return name


@pytest.fixture
def place(tmp_path: Path, prefix_name: str) -> places.Place:
    """A prefix and a site for Lmod."""
    return places.lmod_place(tmp_path, prefix_name)


@pytest.fixture
def tcl_place(tmp_path: Path, prefix_name: str) -> places.Place:
    """A prefix and a site for Environment Modules."""
    return places.tcl_place(tmp_path, prefix_name)


@pytest.fixture
def environments(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """What `env -0 >FILE` wrote, without what the module system keeps for itself."""

    def read(name: str) -> dict[str, str]:
        entries = (tmp_path / name).read_bytes().decode().split("\0")
        kept = [entry for entry in entries if entry and not entry.startswith(_BOOKKEEPING)]
        assert len(kept) > 5
        return dict(entry.split("=", 1) for entry in kept)

    return read
