"""The base: the Python that an install stands on, and what it says of itself."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from polaris_parsl.env.variables import for_python
from polaris_parsl.errors import BaseEnvironmentError
from polaris_parsl.facts import polaris
from polaris_parsl.process import run

OLDEST, NEWEST = (3, 11), (3, 13)

_ANSWER_TIMEOUT_SECONDS = 120
_SUPPORTED = "CPython 3.11-3.13 on linux x86-64"
_CHOOSE = f"choose another base with --base: a conda prefix or an interpreter, {_SUPPORTED}"

# Runs in the base; it must start, if only to be refused, on any Python 3.
_PROBE = r"""
import hashlib, json, os, platform, sys, sysconfig
try:
    from importlib import metadata
except ImportError:
    metadata = None
def found(name):
    try:
        dist = metadata.distribution(name)
    except Exception:
        return None
    record = dist.read_text("RECORD")
    digest = hashlib.sha256(record.encode()).hexdigest() if record else None
    return {"version": dist.version, "record_sha256": digest}
names = sys.argv[1:]
dists = {name: found(name) for name in names} if metadata else {}
libc = " ".join(platform.libc_ver())
print(json.dumps({
    "executable": sys.executable,
    "prefix": sys.prefix,
    "base_prefix": sys.base_prefix,
    "implementation": sys.implementation.name,
    "version": platform.python_version(),
    "soabi": sysconfig.get_config_var("SOABI"),
    "cache_tag": sys.implementation.cache_tag,
    "platform": sysconfig.get_platform(),
    "libc": libc,
    "pip": (found("pip") or {}).get("version") if metadata else None,
    "distributions": {name: dist for name, dist in dists.items() if dist},
    "markers": {
        "implementation_name": sys.implementation.name,
        "implementation_version": platform.python_version(),
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    },
}))
"""


@dataclass(frozen=True)
class Base:
    """What a base says of itself; distributions are those that were asked for and found."""

    executable: Path
    prefix: Path
    implementation: str
    version: str
    soabi: str
    cache_tag: str
    platform: str
    libc: str
    pip: str
    is_conda: bool
    distributions: Mapping[str, Mapping[str, str | None]]
    markers: Mapping[str, str] = field(repr=False)

    def facts(self) -> dict[str, Any]:
        """The base as it is written into a receipt; without what changes with the kernel."""
        known = asdict(self) | {"executable": str(self.executable), "prefix": str(self.prefix)}
        del known["markers"]
        return known


def choose_base(given: Path | None, env: Mapping[str, str]) -> tuple[Path, str]:
    """The interpreter to build on, and in words where it was found.

    Args:
        given: a conda prefix, any prefix with bin/python, or an interpreter; None
            takes the active conda prefix, else the python3 on PATH.
        env: environment variables.

    Raises:
        BaseEnvironmentError: there is none.
    """
    if given is not None:
        return _interpreter(given.absolute()), "--base"
    if env.get("CONDA_PREFIX"):
        return _interpreter(Path(env["CONDA_PREFIX"])), "CONDA_PREFIX, the active conda prefix"
    found = shutil.which("python3", path=env.get("PATH"))
    if found is None:
        raise BaseEnvironmentError("there is no python3 on PATH", remedy=_CHOOSE)
    return Path(found), "the first python3 on PATH"


def probe(python: Path, *, names: Sequence[str], env: Mapping[str, str]) -> Base:
    """Ask an interpreter what it is, and refuse one that cannot be a base.

    Args:
        python: the interpreter.
        names: distributions whose versions are wanted.
        env: environment variables.

    Raises:
        BaseEnvironmentError: it is no Python, not a supported one, without pip, or a venv.
    """
    try:
        answer = run(
            [python, "-I", "-c", _PROBE, *names],
            env=for_python(env),
            timeout_seconds=_ANSWER_TIMEOUT_SECONDS,
        )
        data = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise BaseEnvironmentError(
            f"{python} does not answer like a Python: {error}", remedy=_CHOOSE
        ) from error
    _refuse_unsupported(python, data)
    # one name for the same interpreter, however it was called
    named = Path(data["prefix"], "bin", f"python{data['markers']['python_version']}")
    return Base(
        executable=named if named.exists() else Path(data["executable"]),
        prefix=Path(data["prefix"]),
        is_conda=Path(data["prefix"], "conda-meta").is_dir(),
        **{
            key: data[key]
            for key in (
                "implementation", "version", "soabi", "cache_tag", "platform", "libc", "pip",
                "distributions", "markers",
            )
        },
    )  # fmt: skip


def conda_module(base: Base) -> str | None:
    """Name of the ALCF conda module whose prefix this base is; None where it is none of them."""
    for module in polaris().conda_modules:
        if module.prefix.resolve() == base.prefix.resolve():
            return module.name
    return None


def _interpreter(place: Path) -> Path:
    if place.is_dir():
        for name in ("python", "python3"):
            if (place / "bin" / name).exists():
                return place / "bin" / name
        raise BaseEnvironmentError(f"{place} holds no bin/python", remedy=_CHOOSE)
    if not place.exists():
        raise BaseEnvironmentError(f"the base {place} does not exist", remedy=_CHOOSE)
    return place


def _refuse_unsupported(python: Path, data: Mapping[str, Any]) -> None:
    name = f"{python} is {data['implementation']} {data['version']} on {data['platform']}"
    version = tuple(int(part) for part in data["markers"]["python_version"].split("."))
    if data["implementation"] != "cpython" or not OLDEST <= version <= NEWEST:
        raise BaseEnvironmentError(f"{name}; the locks are for {_SUPPORTED}", remedy=_CHOOSE)
    if data["platform"] != "linux-x86_64":
        raise BaseEnvironmentError(f"{name}; the locks are for {_SUPPORTED}", remedy=_CHOOSE)
    if data["prefix"] != data["base_prefix"]:
        raise BaseEnvironmentError(
            f"{python} belongs to a virtual environment, {data['prefix']}",
            remedy=f"deactivate it, or build on its base: --base {data['base_prefix']}",
        )
    if data["pip"] is None:
        raise BaseEnvironmentError(f"{name}, without pip", remedy=_CHOOSE)
