"""The module that holds a base: which it is, where its modulefile lies, and whether it loads."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polaris_parsl.env.locks import digest
from polaris_parsl.facts import polaris
from polaris_parsl.process import run

_LOAD_TIMEOUT_SECONDS = 60

# What Lmod remembers of the modules that are loaded; without it a shell is a fresh one.
_MEMORY = ("_ModuleTable", "__LMOD_", "LOADEDMODULES", "_LMFILES_")


def conda_module(prefix: Path) -> str | None:
    """Name of the ALCF conda module with this prefix; None where it is none of them."""
    for module in polaris().conda_modules:
        if module.prefix.resolve() == prefix.resolve():
            return module.name
    return None


def describe(name: str | None, env: Mapping[str, str]) -> dict[str, Any] | None:
    """A module with the path and digest of its modulefile, for a fingerprint.

    Args:
        name: name/version; None where the base is in no module.
        env: environment variables; those of Lmod count.
    """
    if name is None:
        return None
    path = _find(name, env)
    return {
        "name": name,
        "file": str(path) if path else None,
        "sha256": digest(path) if path else None,
    }


def loads(name: str, trees: tuple[Path, ...], env: Mapping[str, str]) -> str | None:
    """Load a module in a fresh shell of Lmod, and see what Lmod says.

    Args:
        name: name/version.
        trees: module trees to look in first.
        env: environment variables; LMOD_CMD names Lmod.

    Returns:
        What Lmod complains of; None where the module loads.
    """
    fresh = {key: value for key, value in env.items() if not key.startswith(_MEMORY)}
    known = [*map(str, trees), *fresh.get("MODULEPATH", "").split(":")]
    fresh["MODULEPATH"] = ":".join(dict.fromkeys(word for word in known if word))
    settings = {"LMOD_IGNORE_CACHE": "yes", "LMOD_COLORIZE": "no", "LMOD_TERM_WIDTH": "1000"}
    command = [env["LMOD_CMD"], "bash", "load", name]
    try:
        done = run(command, env={**fresh, **settings}, timeout_seconds=_LOAD_TIMEOUT_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    # exit codes differ between versions of Lmod; what is to be set does not
    is_loaded = any(
        line.startswith("LOADEDMODULES=") and name in line.partition("=")[2].strip('";').split(":")
        for line in done.stdout.splitlines()
    )
    return None if is_loaded else done.stderr.strip() or f"exit code {done.returncode}"


def has_lmod(env: Mapping[str, str]) -> bool:
    """Whether Lmod is on this machine."""
    return bool(env.get("LMOD_CMD")) and Path(env["LMOD_CMD"]).is_file()


def _find(name: str, env: Mapping[str, str]) -> Path | None:
    names = env.get("LOADEDMODULES", "").split(":")
    files = env.get("_LMFILES_", "").split(":")
    loaded = [Path(file) for each, file in zip(names, files, strict=False) if each == name and file]
    trees = [Path(word) for word in env.get("MODULEPATH", "").split(":") if word]
    searched = [
        tree / f"{name}{suffix}"
        for tree in (*trees, polaris().modulefiles)
        for suffix in (".lua", "")
    ]
    return next((path for path in [*loaded, *searched] if path.is_file()), None)
