"""The driver: the process that builds the configuration, and what it runs in.

The only module that reads os.environ for the configuration; others get their values from here.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from polaris_parsl.errors import OptionError
from polaris_parsl.installs import TOOLS, install_of, is_same_place, overlay_python, own_install

_PREFIX = "POLARIS_PARSL_"
# In lower case; programs read them in upper case, too.
PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy")
NO_PROXY = "no_proxy"
_PLAIN_PATH = re.compile(r"/[^$`\\{}'\"\x00-\x1f]*")


def working_folder() -> Path:
    """The working directory of this process.

    Raises:
        OptionError: it was removed, or cannot be read.
    """
    try:
        return Path.cwd()
    except OSError as error:
        raise OptionError(
            f"the working directory cannot be read: {error.strerror}", remedy="`cd` to another one"
        ) from error


def _version_of_parsl() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - it takes its time

    return version("parsl")


@dataclass(frozen=True, kw_only=True)
class Driver:
    """Interpreter and environment of the driver, which the workers must find again.

    Attributes:
        python: absolute path of the interpreter, symbolic links kept (a venv is known by them).
        parsl: release of Parsl that the interpreter finds.
        folder: working directory.
        module: name/version of the loaded polaris-parsl module, None without one.
        module_tree: directory that holds its modulefile, for `module use`.
        module_home: directory of Lmod or Environment Modules, whose init/ holds for each shell the
            script that defines `module`; None if it is not known.
        pythonpath: PYTHONPATH of the driver, None if it is not set.
        proxies: its proxy variables by their names in lower case.
        beside: directory of the user's script, whose modules Python finds; None if it has no such.
        job: id of the PBS job that the driver runs in, None outside one.
        nodefile: file with the nodes of that job, a line or more for each.
        in_sandbox: whether qsub here is the sandbox's.
        variables: all variables named POLARIS_PARSL_*, without that prefix.
        doubts: mismatches between environment and interpreter, each with its remedy.
    """

    python: Path
    parsl: str = field(default_factory=_version_of_parsl)
    folder: Path = field(default_factory=working_folder)
    module: str | None = None
    module_tree: Path | None = None
    module_home: Path | None = None
    pythonpath: str | None = None
    proxies: Mapping[str, str] = field(default_factory=dict)
    beside: Path | None = None
    job: str | None = None
    nodefile: Path | None = None
    in_sandbox: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()

    @classmethod
    def current(cls, environ: Mapping[str, str] | None = None) -> "Driver":
        """The driver that this process is.

        Args:
            environ: environment variables to read instead of os.environ.
        """
        env = os.environ if environ is None else environ
        module = env.get("POLARIS_PARSL_MODULE") or None
        tree = env.get("POLARIS_PARSL_MODULEPATH") or None
        nodefile = env.get("PBS_NODEFILE") or None
        python = _interpreter(env)
        return cls(
            python=python,
            module=module if tree else None,
            module_tree=Path(tree) if tree and module else None,
            module_home=module_home(env),
            pythonpath=env.get("PYTHONPATH") or None,
            proxies=_proxies(env),
            beside=folder_of_script(),
            job=env.get("PBS_JOBID") or None,
            nodefile=Path(nodefile) if nodefile else None,
            in_sandbox=bool(env.get("POLARIS_PARSL_SANDBOX")),
            variables={
                name.removeprefix(_PREFIX): value
                for name, value in env.items()
                if name.startswith(_PREFIX) and value
            },
            doubts=tuple(_doubts(python, env)),
        )


def folder_of_script() -> Path | None:
    """The directory of the script that runs, or of the notebook, if Python finds the modules there."""
    main = sys.modules.get("__main__")
    file, spec = getattr(main, "__file__", None), getattr(main, "__spec__", None)
    if file and any(Path(file).is_relative_to(each) for each in (sys.prefix, sys.base_prefix)):
        return None  # a program of the environment
    try:
        # Python looks into the working directory for a notebook, for `-c` and for `-m MODULE`
        is_script = file is not None and spec is None
        folder = Path(file).absolute().parent if is_script and file else Path.cwd()
        is_known = any(Path(each).absolute() == folder for each in sys.path)
    except OSError:  # the working directory was removed
        return None
    # other characters would need quotes within the quotes of Parsl's job scripts
    return folder if is_known and _PLAIN_PATH.fullmatch(str(folder)) else None


def module_home(env: Mapping[str, str]) -> Path | None:
    """Directory of the module system of a shell, whose init/ holds its start-up files."""
    home = env.get("LMOD_PKG") or env.get("MODULESHOME")
    return Path(home) if home else None


def _proxies(env: Mapping[str, str]) -> dict[str, str]:
    """The proxy variables that are set; the one in lower case counts where they differ."""
    found = {name: env.get(name) or env.get(name.upper()) or "" for name in (*PROXIES, NO_PROXY)}
    return {
        name: value
        for name, value in found.items()
        if value.isascii() and value.isprintable() and value
    }


def _interpreter(env: Mapping[str, str]) -> Path:
    """This process's; for the command of an install, the one that `python` is for its user."""
    environment = Path(sys.prefix)
    overlay = overlay_python(environment.parent)
    if environment.name != TOOLS or not overlay.exists():
        return Path(sys.executable)
    active = _active(env, environment.parent)
    return active / "bin" / "python" if active else overlay


def _doubts(python: Path, env: Mapping[str, str]) -> Iterator[str]:
    own = own_install()
    loaded = env.get(f"{_PREFIX}ROOT")
    if own is None:
        return
    if loaded and not is_same_place(Path(loaded), own):
        yield (
            f"{python} belongs to the install {own}, but the module that is loaded is that of "
            f"{loaded}: the workers would get the one's packages and the other's module\n"
            f"  fix: `module load polaris-parsl/{own.name}`, or a Python of {loaded}"
        )
    active = _active(env, own)
    if active and not is_same_place(active, python.parents[1]):
        yield (
            f"the environment {active} is active, but {python} comes before it on PATH, and "
            f"sees none of its packages\n"
            f"  fix: activate it after `module load`: source {active}/bin/activate"
        )


def _active(env: Mapping[str, str], own: Path) -> Path | None:
    """The active environment, if it was made on this install."""
    active = Path(env.get("VIRTUAL_ENV") or "/nowhere")
    root = install_of(active)
    return active if root is not None and is_same_place(root, own) else None
