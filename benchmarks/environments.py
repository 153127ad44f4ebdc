"""What the benchmarks compare: an install of this source tree, and an environment by ALCF's page, on one base."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Environments:
    """Where both are."""

    root: Path
    page: Path

    @property
    def command(self) -> Path:
        """polaris-parsl of the install."""
        return self.root / "bin" / "polaris-parsl"

    @property
    def python(self) -> Path:
        """The Python of the install."""
        return self.root / "overlay" / "bin" / "python"

    def release_of_parsl(self) -> str:
        """The Parsl of the install."""
        code = "from importlib.metadata import version; print(version('parsl'))"
        return _said(self.python, "-c", code)

    def describe(self) -> dict[str, str]:
        """Versions of what is compared."""
        code = (
            "import sys; from importlib.metadata import distributions; "
            "print(len({each.metadata['Name'] for each in distributions()}))"
        )
        base = Path(_said(self.python, "-c", "import sys; print(sys.base_prefix)"))
        return {
            "polaris_parsl": _said(self.command, "version"),
            "Parsl": self.release_of_parsl(),
            "Python": _said(
                base / "bin" / "python3", "-c", "import sys; print(sys.version.split()[0])"
            ),
            "packages of the base": _said(base / "bin" / "python3", "-I", "-c", code),
        }


def make(folder: Path) -> Environments:
    """Both, in a directory that keeps them for the next time; an older source tree's install is made again.

    Args:
        folder: for both; nodes of the sandbox share it.
    """
    prefix, page = folder / "prefix", folder / "page"
    base = Path(sys.base_prefix) / "bin" / "python3"
    if not [*prefix.glob("versions/[0-9]*")]:
        _run(SOURCE / "scripts" / "install.sh", "--base", sys.base_prefix, "--prefix", prefix)
    (root,) = prefix.glob("versions/[0-9]*")
    found = Environments(root, page / "bin" / "python")
    if not (page / "bin" / "process_worker_pool.py").exists():
        _run(base, "-m", "venv", "--system-site-packages", page)
        _run(page / "bin" / "pip", "install", "--quiet", f"parsl=={found.release_of_parsl()}")
    return found


def _run(*words: object) -> None:
    subprocess.run([str(each) for each in words], check=True, stdout=sys.stderr)


def _said(*words: object) -> str:
    return subprocess.check_output([str(each) for each in words], text=True).strip()
