"""The CPythons of this machine, and where that of the tests has what others have elsewhere."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from site import getsitepackages

# where it looks for packages below its standard library: Debian's in `dist-packages`
PACKAGES = Path(getsitepackages([sys.base_prefix])[-1]).name
# what no other Python has in its standard library
OF_DEBIAN = ("EXTERNALLY-MANAGED", "sitecustomize.py")


def interpreters() -> dict[str, Path]:
    """The CPythons 3.11-3.13 with pip that this machine has, by minor version, ours first."""
    found = {f"{sys.version_info.major}.{sys.version_info.minor}": Path(sys.base_prefix)}
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for version in ("3.11", "3.12", "3.13"):
        places = [
            *sorted(pyenv.glob(f"{version}.*"), reverse=True),
            Path("/usr"),
            Path("/usr/local"),
        ]
        for place in places:
            python = place / "bin" / f"python{version}"
            if python.exists() and _has_pip(python):
                found.setdefault(version, place)
    return found


def _has_pip(python: Path) -> bool:
    tried = subprocess.run(
        [python, "-c", "import pip, venv"], env={}, capture_output=True, check=False
    )
    return tried.returncode == 0


def pip_wheel() -> Path:
    """The pip that comes with the interpreter of the tests; Debian keeps it elsewhere."""
    usual = Path(sysconfig.get_path("stdlib"), "ensurepip/_bundled")
    return next(Path(sysconfig.get_config_var("WHEEL_PKG_DIR") or usual).glob("pip-*.whl"))
