"""Small installs and a site's module tree, and shells with real module systems."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.env.modulefile import (
    LUA_TREE,
    TCL_TREE,
    ModuleValues,
    render_defaults,
    render_modulefiles,
)

SITE = Path(__file__).with_name("site")
CONDA = "conda/2025-09-25"
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


@pytest.fixture(scope="session")
def environment_modules() -> Path:
    """The start-up file for bash of Environment Modules."""
    given = os.environ.get("ENVIRONMENT_MODULES_INIT", "/usr/share/modules/init/bash")
    if not Path(given).exists():
        if "environment-modules" in os.environ.get("POLARIS_PARSL_REQUIRE", ""):
            pytest.fail(f"there is no {given}")
        pytest.skip(f"Environment Modules is not on this machine: there is no {given}")
    return Path(given)


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
        timeout=60,
    )


@dataclass
class Place:
    """A prefix with small installs, and a site with conda modules, Cray's stand-ins and others.

    Both have the layout of one module system: its tree's name, and what its modulefiles end in.
    """

    prefix: Path
    soft: Path
    tree: str
    suffix: str

    @property
    def use(self) -> str:
        """Shell text that puts the prefix on MODULEPATH, and only that."""
        return f"module use '{self.prefix}/{self.tree}'"

    @property
    def site_tree(self) -> Path:
        return self.soft / self.tree

    def root(self, version: str) -> Path:
        return self.prefix / "versions" / version

    def conda_prefix(self, conda: str = CONDA) -> Path:
        return self.soft / "applications" / conda / "mconda3"

    def conda(self, name: str) -> None:
        """Add a conda module and what it holds."""
        prefix = self.conda_prefix(name)
        (prefix / "etc/profile.d").mkdir(parents=True)
        text = (SITE / "conda.sh").read_text().replace("CONDA_STUB_PREFIX", str(prefix))
        (prefix / "etc/profile.d/conda.sh").write_text(text)
        executable(prefix / "bin/python", f"echo python of {name}")
        self.modulefile(name, (SITE / f"conda{self.suffix or '.tcl'}").read_text())

    def modulefile(self, name: str, text: str) -> None:
        """Add a module of the site."""
        path = self.site_tree / f"{name}{self.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def add(self, version: str, conda: str | None = CONDA, **values: Any) -> Path:
        """Publish a small install; returns its root."""
        root = self.root(version)
        executable(root / "bin/polaris-parsl", f"echo command of {version}")
        (root / "receipt.json").write_text("{}")
        (root / "overlay/bin").mkdir(parents=True)
        base = self.conda_prefix(conda) / "bin/python" if conda else Path("/bin/true")
        (root / "overlay/bin/python").symlink_to(base)
        self.render(version, conda, **values)
        return root

    def render(self, version: str, conda: str | None = CONDA, **values: Any) -> None:
        """Write the modulefiles of an install."""
        given = ModuleValues(
            version=version,
            lock="0123456789ab",
            prefix=self.prefix,
            parsl="2026.10.26",
            base=f"CPython 3.12.11 of {conda or '/usr'}",
            conda_module=conda,
            conda_modulefile=self.site_tree / f"{conda}{self.suffix}" if conda else None,
            site_tree=self.site_tree,
            parallel_module=None,
        )
        self._write(render_modulefiles(ModuleValues(**{**vars(given), **values})))

    def defaults(self, default: str | None, *hidden: str) -> None:
        """Name default and hidden versions."""
        self._write(render_defaults(default=default, hidden=hidden))

    def _write(self, files: dict[Path, str]) -> None:
        for path, text in files.items():
            (self.prefix / path).parent.mkdir(parents=True, exist_ok=True)
            (self.prefix / path).write_text(text)


def executable(path: Path, body: str) -> None:
    """Write a small program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A site with two conda modules, and a prefix with an install on each; 1.0 is the default."""
    place = Place(tmp_path / "project with spaces", tmp_path / "soft", LUA_TREE, ".lua")
    for name in ("PrgEnv-gnu/8.6.0", "PrgEnv-nvidia/8.6.0"):
        place.modulefile(name, 'family("PrgEnv")\n')
    for name in ("gcc-native/14", "cray-hdf5-parallel/1.14.3.9"):
        place.modulefile(
            name, f"setenv('{name.partition('/')[0].upper().replace('-', '_')}', '1')\n"
        )
    place.modulefile("cray-python/3.11.7", 'family("python")\n')
    return _with_installs(place)


@pytest.fixture
def tcl_place(tmp_path: Path) -> Place:
    """The same for Environment Modules."""
    place = Place(tmp_path / "project with spaces", tmp_path / "soft", TCL_TREE, "")
    for name in ("PrgEnv-gnu/8.6.0", "gcc-native/14"):
        place.modulefile(name, f"#%Module\nsetenv {name[:3].upper()} 1\n")
    return _with_installs(place)


def _with_installs(place: Place) -> Place:
    place.conda(CONDA)
    place.conda("conda/2026-10-09")
    place.add("1.0")
    place.add("2.0", "conda/2026-10-09")
    place.defaults("1.0")
    return place


@pytest.fixture
def environments(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """What `env -0 >FILE` wrote, without what the module system keeps for itself."""

    def read(name: str) -> dict[str, str]:
        entries = (tmp_path / name).read_bytes().decode().split("\0")
        kept = [entry for entry in entries if entry and not entry.startswith(_BOOKKEEPING)]
        assert len(kept) > 5
        return dict(entry.split("=", 1) for entry in kept)

    return read
