"""The tools of an install: its command's packages in one file, beside what cannot be imported from one.

The command runs in an environment of its own, which does not see the base. It imports the overlay's
packages, ours and Parsl's among them, and of its own only what the overlay lacks.
"""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from polaris_parsl.env.base.choice import Base
from polaris_parsl.env.installer.environments import create, fill, site_of
from polaris_parsl.env.installer.wheel_files import SITE, OpenWheel
from polaris_parsl.installs import OVERLAY

# in the site-packages of the tools
ARCHIVE_OF_TOOLS, LINK_OF_TOOLS = "tools.zip", "tools.pth"
_TIME = (2020, 1, 1, 0, 0, 0)
# `list` imports it, and Python reads the contents of the whole archive before the first import
_UNPACKED = ("packaging",)


def build_tools(
    folder: Path,
    wheels: Sequence[OpenWheel],
    codes: Mapping[str, Mapping[str, bytes]],
    *,
    base: Base,
) -> None:
    """Make the environment of the command.

    Args:
        folder: where, beside the overlay; it must not exist.
        wheels: what the overlay lacks.
        codes: their byte code.
        base: whose Python runs it.
    """
    create(folder, base, sees_base=False)
    packed = [each for each in wheels if each.is_only_modules and each.wheel.name not in _UNPACKED]
    fill(folder, [each for each in wheels if each not in packed], codes, base=base)
    site = site_of(folder, base)
    _pack(site / ARCHIVE_OF_TOOLS, packed, codes, site=f"{site.relative_to(folder)}/")
    # the overlay comes first: for what it has, Python does not look into the archive
    overlay = f"../../../../{OVERLAY}/lib/python{base.minor}/{SITE}"
    (site / LINK_OF_TOOLS).write_text(f"{overlay}\n{ARCHIVE_OF_TOOLS}\n", encoding="utf-8")


def _pack(
    archive: Path,
    wheels: Sequence[OpenWheel],
    codes: Mapping[str, Mapping[str, bytes]],
    *,
    site: str,
) -> None:
    """Write modules and byte code into one file, uncompressed; the same wheels, the same bytes."""
    content: dict[str, bytes] = {}
    for wheel in wheels:
        for file in wheel.files():
            if file.name.startswith(site):
                content[file.name.removeprefix(site)] = file.content
        for name, code in codes[wheel.wheel.name].items():
            content[f"{name}c"] = code
    with zipfile.ZipFile(archive, "w") as stream:
        for name in sorted(content):
            entry = zipfile.ZipInfo(name, date_time=_TIME)
            entry.external_attr = 0o644 << 16
            stream.writestr(entry, content[name])
