"""The base: the Python that an install depends on, and its report on itself."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from polaris_parsl.env.base.fingerprint import ask
from polaris_parsl.errors import BaseEnvironmentError
from polaris_parsl.installs import OVERLAY, receipt_of

OLDEST, NEWEST = (3, 11), (3, 13)

_SUPPORTED = "CPython 3.11-3.13 on linux x86-64"
_CHOOSE = f"choose another base with --base: a conda prefix or an interpreter, {_SUPPORTED}"


@dataclass(frozen=True)
class Base:
    """An interpreter that can be a base; `answer` is its report on itself (probe.py)."""

    executable: Path
    answer: Mapping[str, Any] = field(repr=False)

    @property
    def prefix(self) -> Path:
        """The prefix that holds it."""
        return Path(self.answer["prefix"])

    @property
    def version(self) -> str:
        """Version of Python."""
        return str(self.answer["interpreter"]["version"])

    @property
    def minor(self) -> str:
        """Version of Python without its last part."""
        return str(self.markers["python_version"])

    @property
    def cache_tag(self) -> str:
        """How byte code and wheels for it are named."""
        return str(self.answer["interpreter"]["cache_tag"])

    @property
    def is_conda(self) -> bool:
        """Whether its prefix is one of conda."""
        return self.answer["conda"] is not None

    @property
    def markers(self) -> Mapping[str, str]:
        """Its environment markers."""
        return cast("Mapping[str, str]", self.answer["markers"])

    @property
    def distributions(self) -> Mapping[str, Mapping[str, Any]]:
        """What is installed in it, by normalised name."""
        return cast("Mapping[str, Mapping[str, Any]]", self.answer["distributions"])


def choose_base(given: Path | None, env: Mapping[str, str]) -> tuple[Path, str]:
    """The interpreter to build on, and a phrase that says where it was found.

    Args:
        given: a conda prefix, any prefix with bin/python, or an interpreter; None
            takes the active conda prefix, else that of the loaded conda module, else the
            python3 on PATH.
        env: environment variables.

    Raises:
        BaseEnvironmentError: there is none, or it cannot be read.
    """
    try:
        if given is not None:
            return _interpreter(given.absolute()), "--base"
        if env.get("CONDA_PREFIX"):
            return _interpreter(Path(env["CONDA_PREFIX"])), "CONDA_PREFIX, the active conda prefix"
    except PermissionError as error:
        raise BaseEnvironmentError(
            f"the base cannot be read: {error.strerror}: {error.filename}", remedy=_CHOOSE
        ) from error
    found = shutil.which("python3", path=env.get("PATH"))
    if found is None:
        raise BaseEnvironmentError("there is no python3 on PATH", remedy=_CHOOSE)
    if behind := base_behind(Path(found)):
        return behind, f"the base of the loaded {found}"
    if root := _conda_of_the_module(env):
        return _interpreter(root), f"the loaded module, whose conda is not active: {root}"
    return Path(found), "the first python3 on PATH"


def _conda_of_the_module(env: Mapping[str, str]) -> Path | None:
    """The prefix of a conda whose module is loaded: `module load conda` alone puts no python on PATH."""
    root = Path(env.get("CONDA_EXE") or "/").parent.parent
    loaded = {name.partition("/")[0] for name in env.get("LOADEDMODULES", "").split(":")}
    return root if "conda" in loaded and (root / "bin/python").exists() else None


def base_behind(python: Path) -> Path | None:
    """The interpreter under the overlay of an install; None if this is the Python of no install.

    So the next version can be installed while the module of this one is loaded.
    """
    settings = python.parents[1] / "pyvenv.cfg"
    if python.parents[1].name != OVERLAY or not receipt_of(python.parents[2]).is_file():
        return None
    lines = settings.read_text(encoding="utf-8").splitlines() if settings.is_file() else []
    homes = [line.partition("=")[2].strip() for line in lines if line.startswith("home")]
    return next((Path(home) / "python3" for home in homes), None)


def probe(python: Path, *, names: Sequence[str], env: Mapping[str, str]) -> Base:
    """Ask an interpreter what it is, and refuse one that cannot be a base.

    Args:
        python: the interpreter.
        names: distributions to look at closely, with what they require.
        env: environment variables.

    Raises:
        BaseEnvironmentError: it is not a working Python, not supported, without pip, or a venv.
    """
    answer = ask(python, names=names, quick=False, env=env, requires=True)
    _refuse_unsupported(python, answer)
    # one name for the same interpreter, however it was called
    named = Path(answer["prefix"], "bin", f"python{answer['markers']['python_version']}")
    return Base(named if named.exists() else Path(answer["executable"]), answer)


def _interpreter(place: Path) -> Path:
    if place.is_dir():
        for name in ("python", "python3"):
            if (place / "bin" / name).exists():
                return place / "bin" / name
        raise BaseEnvironmentError(f"{place} holds no bin/python", remedy=_CHOOSE)
    if not place.exists():
        raise BaseEnvironmentError(f"the base {place} does not exist", remedy=_CHOOSE)
    return place


def _refuse_unsupported(python: Path, answer: Mapping[str, Any]) -> None:
    interpreter = answer["interpreter"]
    name = f"{python} is {interpreter['implementation']} {interpreter['version']} on {interpreter['platform']}"
    version = tuple(int(part) for part in answer["markers"]["python_version"].split("."))
    if interpreter["implementation"] != "cpython" or not OLDEST <= version <= NEWEST:
        raise BaseEnvironmentError(f"{name}; the locks are for {_SUPPORTED}", remedy=_CHOOSE)
    if interpreter["platform"] != "linux-x86_64":
        raise BaseEnvironmentError(f"{name}; the locks are for {_SUPPORTED}", remedy=_CHOOSE)
    if answer["prefix"] != answer["base_prefix"]:
        raise BaseEnvironmentError(
            f"{python} belongs to a virtual environment, {answer['prefix']}",
            remedy=f"deactivate it, or build on its base: --base {answer['base_prefix']}",
        )
    if "pip" not in answer["distributions"]:
        raise BaseEnvironmentError(f"{name}, without pip", remedy=_CHOOSE)
