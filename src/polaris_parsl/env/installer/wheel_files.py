"""A wheel, and what an environment gets of it: PyPA's `installer` says where each file goes."""

import base64
import hashlib
import io
import os
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal

from installer import install
from installer.destinations import WheelDestination
from installer.exceptions import InstallerError
from installer.records import Hash, RecordEntry
from installer.sources import WheelFile as Source
from installer.utils import Scheme, construct_record_file, fix_shebang

from polaris_parsl.env.installer.wheels import Wheel
from polaris_parsl.errors import LockError
from polaris_parsl.version import NAME

SITE = "site-packages"
# the environment can be moved: a program finds the Python that lies beside it
_INTERPRETER = """\
/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")"/'python' "$0" "$@"
' '''"""
_PROGRAM = """\
#!{interpreter}
# -*- coding: utf-8 -*-
import sys
from {module} import {first}
if __name__ == "__main__":
    sys.exit({function}())
"""


@dataclass(frozen=True)
class WheelFile:
    """One file that an environment gets, by its place below the environment."""

    name: str
    content: bytes
    runs: bool = False


class OpenWheel:
    """A wheel whose bytes have been compared with its sha256, for a Python of some minor version.

    Raises:
        LockError: they are others, or it is no wheel of one distribution.
    """

    def __init__(self, wheel: Wheel, minor: str) -> None:
        content = wheel.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != wheel.sha256:
            raise _refused(wheel, "has changed since it was checked")
        self.wheel = wheel
        self._site = f"lib/python{minor}/{SITE}"
        try:
            archive = zipfile.ZipFile(io.BytesIO(content))
            archive.filename = wheel.path.name
            self._source = Source(archive)
            self._info = self._source.dist_info_dir
        except (zipfile.BadZipFile, ValueError) as error:
            raise _refused(wheel, f"is no wheel of one distribution: {error}") from error
        self._members = [each for each in archive.namelist() if not each.endswith("/")]

    @property
    def is_only_modules(self) -> bool:
        """Whether it holds nothing but modules of Python, which can be imported from an archive."""
        return all(
            name.endswith((".py", ".pyi", "/py.typed"))
            for name in self._members
            if not name.startswith(f"{self._info}/")
        )

    def modules(self) -> dict[str, str]:
        """The sources of its modules: their names in the wheel, and below site-packages."""
        data = f"{self._source.data_dir}/"
        found = {}
        for name in self._members:
            scheme, _, rest = name.removeprefix(data).partition("/")
            is_elsewhere = name.startswith(data)
            if name.endswith(".py") and (not is_elsewhere or scheme in {"purelib", "platlib"}):
                found[name] = rest if is_elsewhere else name
        return found

    def metadata(self) -> str:
        """What it says of its distribution."""
        try:
            return self._source.read_dist_info("METADATA")
        except (KeyError, ValueError) as error:
            raise _refused(self.wheel, f"has no metadata: {error}") from error

    def files(self) -> list[WheelFile]:
        """What the environment gets: all members, programs, and the record of them.

        Raises:
            LockError: it holds what nothing says a place of, or a path that leads elsewhere.
        """
        collected = _Files(self.wheel, self._site)
        try:
            install(self._source, collected, {"INSTALLER": NAME.encode(), "REQUESTED": b""})
        except (InstallerError, ValueError, KeyError, AssertionError) as error:
            raise _refused(self.wheel, f"cannot be unpacked: {error}") from error
        return collected.files


class _Files(WheelDestination):
    """Keeps what `installer` would write."""

    def __init__(self, wheel: Wheel, site: str) -> None:
        self.files: list[WheelFile] = []
        self._folders = {
            "purelib": site,
            "platlib": site,
            "scripts": "bin",
            "data": ".",
            "headers": f"include/{wheel.name}",
        }

    def write_script(
        self,
        name: str,
        module: str,
        attr: str,
        section: Literal["console", "gui"],  # noqa: ARG002 - both are the same here
    ) -> RecordEntry:
        """A program that an entry point names."""
        first = attr.partition(".")[0]
        text = _PROGRAM.format(interpreter=_INTERPRETER, module=module, first=first, function=attr)
        return self._add("scripts", name, text.encode(), runs=True)

    def write_file(
        self, scheme: Scheme, path: "str | os.PathLike[str]", stream: BinaryIO, is_executable: bool
    ) -> RecordEntry:
        """A file of the wheel; a script, which says `#!python`, gets the Python of its environment."""
        if scheme != "scripts":
            return self._add(scheme, os.fspath(path), stream.read(), runs=is_executable)
        with fix_shebang(stream, _INTERPRETER) as own:
            return self._add(scheme, os.fspath(path), own.read(), runs=True)

    def finalize_installation(
        self, scheme: Scheme, record_file_path: str, records: Iterable[tuple[Scheme, RecordEntry]]
    ) -> None:
        """The record of all files."""
        site = self._folders[scheme]

        def prefix(other: str) -> str | None:
            way = os.path.relpath(self._folders[other], site)
            return None if way == "." else f"{way}/"

        with construct_record_file(records, prefix) as stream:
            self._add(scheme, record_file_path, stream.read(), runs=False)

    def _add(self, scheme: str, path: str, content: bytes, *, runs: bool) -> RecordEntry:
        if path.startswith("/") or ".." in PurePosixPath(path).parts or "\\" in path:
            raise ValueError(f"it holds the path {path!r}")
        name = str(PurePosixPath(self._folders[scheme], path))
        self.files.append(WheelFile(name, content, runs))
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        return RecordEntry(path, Hash("sha256", digest), len(content))


def requirements_of(metadata: str) -> list[str]:
    """The requirements in the metadata of a distribution, as they stand there."""
    head = metadata.replace("\r\n", "\n").split("\n\n")[0]
    return re.findall(r"(?m)^Requires-Dist: *(.+?) *$", head)


def write_file(folder: Path, file: WheelFile) -> None:
    """Write a file of a wheel into an environment; one that a wheel before has brought is replaced."""
    target = folder / file.name
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    mode = 0o755 if file.runs else 0o644
    try:
        number = os.open(target, flags, mode)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(target, flags, mode)
    with os.fdopen(number, "wb") as stream:
        stream.write(file.content)


def _refused(wheel: Wheel, why: str) -> LockError:
    return LockError(f"{wheel.path} {why}", remedy=f"remove {wheel.path.parent} and install again")
