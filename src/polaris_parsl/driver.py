"""The driver: the process that builds the configuration, and what it runs in.

The only module that reads os.environ for the configuration; all else is told.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

_PREFIX = "POLARIS_PARSL_"


@dataclass(frozen=True, kw_only=True)
class Driver:
    """Interpreter and environment of the driver, which the workers must find again.

    Attributes:
        python: absolute path of the interpreter, symbolic links kept (a venv is known by them).
        parsl: release of Parsl that the interpreter finds.
        folder: working directory.
        module: name/version of the loaded polaris-parsl module, None without one.
        module_tree: directory that holds its modulefile, for `module use`.
        lmod_init: the script that defines `module` in bash, None where Lmod is not known.
        pythonpath: PYTHONPATH of the driver, None where it is not set.
        job: id of the PBS job that the driver runs in, None outside one.
        nodefile: file with the nodes of that job, a line or more for each.
        in_sandbox: whether qsub here is the sandbox's.
        variables: all variables named POLARIS_PARSL_*, without that prefix.
    """

    python: Path
    parsl: str = field(default_factory=lambda: version("parsl"))
    folder: Path = field(default_factory=Path.cwd)
    module: str | None = None
    module_tree: Path | None = None
    lmod_init: Path | None = None
    pythonpath: str | None = None
    job: str | None = None
    nodefile: Path | None = None
    in_sandbox: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def current(cls, environ: Mapping[str, str] | None = None) -> "Driver":
        """The driver that this process is.

        Args:
            environ: environment variables to read instead of os.environ.
        """
        env = os.environ if environ is None else environ
        module = env.get("POLARIS_PARSL_MODULE") or None
        tree = env.get("POLARIS_PARSL_MODULEPATH") or None
        lmod = env.get("LMOD_PKG") or None
        nodefile = env.get("PBS_NODEFILE") or None
        return cls(
            python=_interpreter(),
            module=module if tree else None,
            module_tree=Path(tree) if tree and module else None,
            lmod_init=Path(lmod) / "init" / "bash" if lmod else None,
            pythonpath=env.get("PYTHONPATH") or None,
            job=env.get("PBS_JOBID") or None,
            nodefile=Path(nodefile) if nodefile else None,
            in_sandbox=bool(env.get("POLARIS_PARSL_SANDBOX")),
            variables={
                name.removeprefix(_PREFIX): value
                for name, value in env.items()
                if name.startswith(_PREFIX) and value
            },
        )


def _interpreter() -> Path:
    """This process's; for the polaris-parsl command of an install, that of the overlay beside it."""
    environment = Path(sys.prefix)
    overlay = environment.with_name("overlay") / "bin" / "python"
    return overlay if environment.name == "tools" and overlay.exists() else Path(sys.executable)
