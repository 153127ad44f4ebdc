"""Where each file of a wheel goes: PyPA's `installer`, which only a source tree has, says it."""

import base64
import hashlib
import os
import posixpath
from collections.abc import Iterable
from typing import BinaryIO, Literal
from zipfile import ZipFile

from installer import install
from installer.destinations import WheelDestination
from installer.exceptions import InstallerError
from installer.records import Hash, RecordEntry
from installer.sources import WheelFile as WheelSource
from installer.utils import Scheme, construct_record_file, fix_shebang

from polaris_parsl.env.installer.wheel_files import WheelFile
from polaris_parsl.version import NAME

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


def open_source(archive: ZipFile) -> WheelSource:
    """A wheel, from its archive, which knows the file's name.

    Raises:
        ValueError: it is no wheel of one distribution.
    """
    source = WheelSource(archive)
    _ = source.dist_info_dir
    return source


def unpack(source: WheelSource, headers: str, site: str) -> list[WheelFile]:
    """What an environment gets: all members, programs, and the record of them.

    Args:
        source: of the wheel.
        headers: the name below include/.
        site: the environment's site-packages, below the environment.

    Raises:
        ValueError: it holds what nothing says a place of, or a path that leads elsewhere.
    """
    collected = _Files(headers, site)
    try:
        install(source, collected, {"INSTALLER": NAME.encode(), "REQUESTED": b""})
    except (InstallerError, KeyError, AssertionError) as error:
        raise ValueError(str(error)) from error
    return collected.files


class _Files(WheelDestination):
    """Keeps what `installer` would write."""

    def __init__(self, headers: str, site: str) -> None:
        self.files: list[WheelFile] = []
        self._folders = {
            "purelib": site,
            "platlib": site,
            "scripts": "bin",
            "data": ".",
            "headers": f"include/{headers}",
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
        if path.startswith("/") or ".." in path.split("/") or "\\" in path:
            raise ValueError(f"it holds the path {path!r}")
        name = posixpath.normpath(f"{self._folders[scheme]}/{path}")
        self.files.append(WheelFile(name, content, runs))
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        return RecordEntry(path, Hash("sha256", digest), len(content))
