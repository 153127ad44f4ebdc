"""The module that provides a base: its name, and where its modulefile lies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.files import digest


def conda_module(prefix: Path) -> str | None:
    """Name of the ALCF conda module with this prefix; None if there is none."""
    for module in polaris().conda_modules:
        if module.prefix.resolve() == prefix.resolve():
            return module.name
    return None


def describe(name: str | None, env: Mapping[str, str]) -> dict[str, Any] | None:
    """A module with the path and digest of its modulefile, for a fingerprint.

    Args:
        name: name/version; None if the base is in no module.
        env: environment variables; those of the module system count.
    """
    if name is None:
        return None
    path = _find(name, env)
    return {
        "name": name,
        "file": str(path) if path else None,
        "sha256": digest(path) if path else None,
    }


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
