"""The module that provides a base: its name, and where its modulefile lies."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from polaris_parsl.errors import BaseEnvironmentError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.files import digest
from polaris_parsl.version import NAME

# what --base-module takes for a base that shall be used without its module
NO_MODULE = "none"
WHAT_IT_GIVES = "the site's settings for CUDA, MPI and compilers"


def choose_module(prefix: Path, given: str | None, env: Mapping[str, str]) -> str | None:
    """The module to load before this base.

    Args:
        prefix: prefix of the base.
        given: what the user named; NO_MODULE for none; None lets us look for it.
        env: environment variables; those of the module system count.

    Returns:
        name/version; None if the base is in no module.

    Raises:
        BaseEnvironmentError: the base is one of the site's, and none of its modules is known
            to provide it.
    """
    if given is not None:
        return None if given == NO_MODULE else given
    found = base_module(prefix, env)
    if found is None and is_of_site(prefix):
        tree = polaris().modulefiles
        raise BaseEnvironmentError(
            f"the base {prefix} is one of the site's, below {polaris().conda_prefixes}, and no "
            f"module is known that provides it: without one, users get Python without {WHAT_IT_GIVES}",
            remedy=f"load its module and try again (`module use {tree}; module avail conda`), or "
            f"name it with --base-module; --base-module {NO_MODULE} installs without",
        )
    return found


def base_module(prefix: Path, env: Mapping[str, str]) -> str | None:
    """Name of the module that provides this prefix; None if none is known.

    A module that is loaded counts before one that is only there, and both before the facts,
    which are older than the site.
    """
    for name, file in _loaded(env):
        if _is_named(name, prefix) or _names(file, prefix):
            return name
    for module in polaris().conda_modules:
        if module.prefix.resolve() == prefix.resolve():
            return module.name
    if is_of_site(prefix):
        name = "/".join(prefix.resolve().relative_to(_site_prefixes().parent).parts[:2])
        return name if _find(name, env) else None
    return None


def is_of_site(prefix: Path) -> bool:
    """Whether a prefix lies where the site puts those of its conda modules."""
    return _site_prefixes() in prefix.resolve().parents


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


def tree_of(name: str, file: Path | None) -> Path:
    """The module tree in which a modulefile lies; the site's where that is not known."""
    path = str(file or "").removesuffix(".lua")
    return (
        Path(path.removesuffix(f"/{name}")) if path.endswith(f"/{name}") else polaris().modulefiles
    )


def _site_prefixes() -> Path:
    return polaris().conda_prefixes.resolve()


def _is_named(name: str, prefix: Path) -> bool:
    """Whether a prefix lies in a directory that is named as the module, name and version."""
    return "/" in name and any(f"/{name}/" in f"{path}/" for path in (prefix, prefix.resolve()))


def _names(file: Path, prefix: Path) -> bool:
    """Whether a modulefile names a conda prefix; many name /usr."""
    if not (prefix / "conda-meta").is_dir():
        return False
    try:
        return str(prefix) in file.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return False


def _loaded(env: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    names = env.get("LOADEDMODULES", "").split(":")
    files = env.get("_LMFILES_", "").split(":")
    for name, file in zip(names, files, strict=False):
        if file and name.partition("/")[0] != NAME:
            yield name, Path(file)


def _find(name: str, env: Mapping[str, str]) -> Path | None:
    loaded = [file for each, file in _loaded(env) if each == name]
    trees = [Path(word) for word in env.get("MODULEPATH", "").split(":") if word]
    searched = [
        tree / f"{name}{suffix}"
        for tree in (*trees, polaris().modulefiles)
        for suffix in (".lua", "")
    ]
    return next((path for path in [*loaded, *searched] if path.is_file()), None)
