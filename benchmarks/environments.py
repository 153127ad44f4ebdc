"""What the benchmarks compare: an install of this source tree, and an environment by ALCF's page, on one base."""

import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from install import forget

SOURCE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Environments:
    """Where both are.

    Attributes:
        folder: that holds both; nodes of the sandbox share it.
        root: the install.
    """

    folder: Path
    root: Path

    @property
    def command(self) -> Path:
        """polaris-parsl of the install."""
        return self.root / "bin" / "polaris-parsl"

    @property
    def python(self) -> Path:
        """The Python of the install."""
        return self.root / "overlay" / "bin" / "python"

    @property
    def page(self) -> Path:
        """The Python of the page's environment."""
        return self.folder / "page" / "bin" / "python"

    @cached_property
    def versions(self) -> dict[str, str]:
        """Versions of what is compared."""
        count = (
            "import sys; from importlib.metadata import distributions; "
            "print(len({each.metadata['Name'] for each in distributions()}))"
        )
        base = Path(_said(self.python, "-c", "import sys; print(sys.base_prefix)")) / "bin/python3"
        return {
            "polaris_parsl": _said(self.command, "version"),
            "Parsl": _said(
                self.python,
                "-c",
                "from importlib.metadata import version; print(version('parsl'))",
            ),
            "Python": _said(base, "-c", "import sys; print(sys.version.split()[0])"),
            "packages of the base": _said(base, "-I", "-c", count),
        }


def make(folder: Path) -> Environments:
    """Both, in a directory that keeps them for the next time; the install of an older source tree is made again."""
    prefix, page = folder / "prefix", folder / "page"
    if prefix.exists() and not _is_of_this_source(prefix):
        forget(prefix)
    if not prefix.exists():
        _run(SOURCE / "scripts" / "install.sh", "--base", sys.base_prefix, "--prefix", prefix)
    (root,) = prefix.glob("versions/[0-9]*")
    found = Environments(folder, root)
    if not (page / "bin" / "process_worker_pool.py").exists():
        _run(Path(sys.base_prefix) / "bin/python3", "-m", "venv", "--system-site-packages", page)
        _run(page / "bin/pip", "install", "--quiet", f"parsl=={found.versions['Parsl']}")
    return found


def _is_of_this_source(prefix: Path) -> bool:
    receipts = [each.stat().st_mtime for each in prefix.glob("versions/[0-9]*/receipt.json")]
    newest = max(each.stat().st_mtime for each in (SOURCE / "src").rglob("*.py"))
    return len(receipts) == 1 and newest < receipts[0]


def _run(*words: object) -> None:
    subprocess.run([str(each) for each in words], check=True, stdout=sys.stderr)


def _said(*words: object) -> str:
    return subprocess.check_output([str(each) for each in words], text=True).strip()
