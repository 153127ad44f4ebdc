"""How an environment of a user's own is tied to an install: by one `.pth` file in it.

`polaris-parsl venv` makes such environments. Python reads the file at each start: its first
path is the overlay's site-packages, and so it also is the record of which install that is.
"""

from pathlib import Path

LINK = "polaris-parsl.pth"


def install_of(folder: Path) -> Path | None:
    """The install that an environment stands on, as PREFIX/versions/VERSION.

    Args:
        folder: any directory.

    Returns:
        The path as it was recorded, whether or not it still exists; None where the directory
        is no such environment.
    """
    for link in sorted(folder.glob(f"lib/python3.*/site-packages/{LINK}")):
        for line in link.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            if line.startswith("/"):
                return _root(Path(line))
    return None


def own_install() -> Path | None:
    """The install that this package was imported from; None where it lies in none."""
    site_packages = Path(__file__).parents[1]
    root = _root(site_packages)
    is_install = site_packages.parents[2].name in {"overlay", "tools"}
    return root if is_install and (root / "bin" / "polaris-parsl").is_file() else None


def _root(site_packages: Path) -> Path:
    # ROOT/overlay/lib/python3.12/site-packages
    return site_packages.parents[3]
