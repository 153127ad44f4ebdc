"""Virtual environments that can be moved: the overlay and the tools."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from polaris_parsl.env.base.choice import Base
from polaris_parsl.env.installer.wheel_files import SITE, OpenWheel, WheelFile, write_file

_SETTINGS = """\
home = {home}
implementation = CPython
version_info = {version}
include-system-site-packages = {sees_base}
relocatable = true
prompt = polaris-parsl
"""


def create(folder: Path, base: Base, *, sees_base: bool) -> None:
    """Make an empty virtual environment that can be moved; it has no script to activate it.

    The module puts bin/ on PATH, where `source activate NAME` would find ours and not conda's.

    Args:
        folder: where; it must not exist.
        base: whose interpreter it uses.
        sees_base: whether it also imports the packages of the base.
    """
    (folder / "bin").mkdir(parents=True)
    site_of(folder, base).mkdir(parents=True)
    (folder / "lib64").symlink_to("lib")
    (folder / "bin/python").symlink_to(base.executable)
    for name in ("python3", f"python{base.minor}"):
        (folder / "bin" / name).symlink_to("python")
    settings = _SETTINGS.format(
        home=base.executable.parent, version=base.version, sees_base=str(sees_base).lower()
    )
    (folder / "pyvenv.cfg").write_text(settings, encoding="utf-8", errors="surrogateescape")


def fill(
    folder: Path,
    wheels: Sequence[OpenWheel],
    codes: Mapping[str, Mapping[str, bytes]],
    *,
    base: Base,
) -> None:
    """Install wheels into an environment, with their byte code.

    The same wheels give the same files, wherever and whenever they are installed.

    Args:
        folder: from create.
        wheels: opened, so compared with their locks.
        codes: from byte_code.
        base: whose Python imports them.
    """
    site = site_of(folder, base).relative_to(folder)
    for wheel in wheels:
        for file in wheel.files():
            write_file(folder, file)
        for name, content in codes[wheel.wheel.name].items():
            above, _, module = f"{site}/{name}".rpartition("/")
            code = f"__pycache__/{module.removesuffix('.py')}.{base.cache_tag}.pyc"
            write_file(folder, WheelFile(f"{above}/{code}", content))


def site_of(folder: Path, base: Base) -> Path:
    """Where an environment of a base keeps its packages."""
    return folder / "lib" / f"python{base.minor}" / SITE
