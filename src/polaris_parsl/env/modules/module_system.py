"""The module system of a shell: Lmod or Environment Modules, what it reads, and what it loads."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from polaris_parsl.installs import LUA_TREE, TCL_TREE
from polaris_parsl.process import run
from polaris_parsl.version import NAME

_LOAD_TIMEOUT_SECONDS = 60

# What it remembers of the modules that are loaded; without it a shell is a fresh one.
_MEMORY = ("_ModuleTable", "__LMOD_", "__MODULES_", "LOADEDMODULES", "_LMFILES_")
_LOADED = re.compile(r'^LOADEDMODULES="?([^";]*)', re.MULTILINE)

NONE_HERE = "there is no module system in this shell (neither LMOD_CMD nor MODULES_CMD is set)"


@dataclass(frozen=True)
class ModuleSystem:
    """A module system.

    Attributes:
        name: as people call it.
        program: what its shell function calls.
        tree: name of the module tree of a prefix that it reads.
    """

    name: str
    program: Path
    tree: str

    def loads(self, name: str, tree: Path, env: Mapping[str, str]) -> str | None:
        """Load a module in a fresh shell.

        Args:
            name: name/version.
            tree: module tree to look in first.
            env: environment variables.

        Returns:
            Its error message; None if the module loads.
        """
        fresh = {key: value for key, value in env.items() if not key.startswith(_MEMORY)}
        known = [str(tree), *fresh.get("MODULEPATH", "").split(":")]
        fresh["MODULEPATH"] = ":".join(dict.fromkeys(word for word in known if word))
        settings = {"LMOD_IGNORE_CACHE": "yes", "LMOD_COLORIZE": "no", "LMOD_TERM_WIDTH": "1000"}
        command: list[str | Path] = [self.program, "bash", "load", name]
        try:
            done = run(command, env={**fresh, **settings}, timeout_seconds=_LOAD_TIMEOUT_SECONDS)
        except OSError as error:
            return str(error)
        # exit codes differ between versions; the variables that are set do not
        loaded = _LOADED.search(done.stdout)
        if loaded and name in loaded[1].split(":"):
            return None
        return done.stderr.strip() or f"exit code {done.returncode}"


def module_system(env: Mapping[str, str]) -> ModuleSystem | None:
    """The module system of a shell with these environment variables; None if it has none."""
    for name, variable, tree in (
        ("Lmod", "LMOD_CMD", LUA_TREE),
        ("Environment Modules", "MODULES_CMD", TCL_TREE),
    ):
        program = env.get(variable)
        if program and Path(program).is_file():
            return ModuleSystem(name, Path(program), tree)
    return None


def module_tree(prefix: Path, env: Mapping[str, str]) -> Path:
    """The module tree of a prefix for this shell; Lmod's where it has no module system."""
    system = module_system(env)
    return prefix / (system.tree if system else LUA_TREE)


def how_to_load(prefix: Path, version: str, env: Mapping[str, str]) -> str:
    """Shell text that loads a version."""
    return f"module use {quote(str(module_tree(prefix, env)))}; module load {NAME}/{version}"
