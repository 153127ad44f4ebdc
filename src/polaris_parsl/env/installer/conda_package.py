"""A conda package: what its archive holds, and what a prefix gets of it.

An archive is a zip with two tars, which are compressed with zstd, or, in the older format, one tar. Its
`info/paths.json` lists the files, and the placeholder of those that name the prefix they were built for.
Scripts of packages are not run. Tests compare the result with that of py-rattler.
"""

import bz2
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from backports import zstd

# a longer first line does not start a program on Linux, and neither does one with a space
_SHEBANG_BYTES = 127
_SHEBANG = re.compile(rb"#! *(/(?:\\ |[^ \n\r\t])*)(.*)")
_ENTRY_POINT = """
# -*- coding: utf-8 -*-
import re
import sys

from {module} import {first}

if __name__ == '__main__':
\tsys.argv[0] = re.sub(r'(-script\\.pyw?|\\.exe)?$', '', sys.argv[0])
\tsys.exit({function}())
"""
# a shell finds the rest of the file to be one string and an empty one
_LONG_SHEBANG = b"""#!/bin/sh\n'''exec' "%b"%b "$0" "$@" #'''"""


@dataclass(frozen=True)
class CondaFile:
    """What a prefix gets: a file, or a link if it has a target."""

    name: str
    content: bytes = b""
    runs: bool = False
    target: str = ""


class CondaPackageFiles:
    """An archive whose bytes have been compared with conda-lock.yml.

    Raises:
        ValueError: it is no conda package of a form that is known here.
    """

    def __init__(self, archive: Path) -> None:
        self.name, self.size = archive.name, archive.stat().st_size
        try:
            info, self._tar = _parts(archive)
            self.index: Mapping[str, Any] = json.loads(_read(info, "info/index.json"))
            listed = json.loads(_read(info, "info/paths.json"))
            self.paths: list[dict[str, Any]] = listed["paths"]
            self._members = {each.name.removeprefix("./"): each for each in self._tar.getmembers()}
            self._commands: list[str] = []
            if self.is_of_modules and "info/link.json" in info.getnames():
                noarch = json.loads(_read(info, "info/link.json"))["noarch"]
                self._commands += noarch.get("entry_points") or ()
        except (KeyError, TypeError, zipfile.BadZipFile, tarfile.TarError, *_UNPACKING) as error:
            raise ValueError(f"it is no conda package: {type(error).__name__}: {error}") from error

    @property
    def stem(self) -> str:
        """Its name without the ending, as conda names its record."""
        return "{name}-{version}-{build}".format(**self.index)

    @property
    def is_of_modules(self) -> bool:
        """Whether its modules go to whatever Python there is."""
        return self.index.get("noarch") == "python"

    @property
    def room(self) -> int | None:
        """The longest prefix for which its programs have room; None for any."""
        found = [len(each["prefix_placeholder"]) for each in self.paths if _is_binary(each)]
        return min(found, default=None)

    def files(self, prefix: str, python: str) -> Iterator[CondaFile]:
        """What a prefix gets.

        Args:
            prefix: the path that files will name.
            python: minor version of the Python in the prefix, as 3.12.

        Raises:
            ValueError: it lacks what it lists, or lists a path that leads elsewhere.
        """
        for entry in self.paths:
            if entry["path_type"] == "directory":
                continue
            name = self._place(entry["_path"], python)
            member = self._members.get(entry["_path"])
            if member is None:
                raise ValueError(f"it lists {entry['_path']} and lacks it")
            if member.issym():
                yield CondaFile(name, target=member.linkname)
            else:
                content = _of_prefix(_read(self._tar, member), entry, prefix)
                yield CondaFile(name, content, runs=bool(member.mode & 0o100))
        for command in self._commands:
            yield _entry_point(command, prefix, python)

    def record(self, python: str, **more: Any) -> dict[str, Any]:
        """What conda-meta/ says of it.

        Args:
            python: as for files.
            more: where the archive came from.
        """
        entries = [{**each, "_path": self._place(each["_path"], python)} for each in self.paths]
        for each in entries:
            # such a file differs with the prefix
            if each.get("prefix_placeholder"):
                each.pop("size_in_bytes", None)
            else:
                each.pop("prefix_placeholder", None)
        entries += [
            {"_path": f"bin/{_command(each)[0]}", "path_type": "unix_python_entry_point"}
            for each in self._commands
        ]
        entries.sort(key=lambda each: str(each["_path"]))
        return {
            **self.index,
            **more,
            "files": [each["_path"] for each in entries],
            "fn": self.name,
            "size": self.size,
            "paths_data": {"paths": entries, "paths_version": 1},
            "requested_specs": [],
        }

    def _place(self, name: str, python: str) -> str:
        if name.startswith("/") or ".." in PurePosixPath(name).parts:
            raise ValueError(f"it lists the path {name!r}")
        if self.is_of_modules and name.startswith("site-packages/"):
            return f"lib/python{python}/{name}"
        if self.is_of_modules and name.startswith("python-scripts/"):
            return f"bin/{name.removeprefix('python-scripts/')}"
        return name


_UNPACKING = (zstd.ZstdError, EOFError, OSError, UnicodeDecodeError)


def _parts(archive: Path) -> tuple[tarfile.TarFile, tarfile.TarFile]:
    """The tar with info/ and that with the files; in the older format they are one."""
    if archive.suffix != ".conda":
        both = _opened(bz2.decompress(archive.read_bytes()))
        return both, both
    with zipfile.ZipFile(archive) as content:
        names = {name.partition("-")[0]: name for name in content.namelist()}
        info, files = (zstd.decompress(content.read(names[each])) for each in ("info", "pkg"))
    return _opened(info), _opened(files)


def _opened(content: bytes) -> tarfile.TarFile:
    return tarfile.open(fileobj=io.BytesIO(content))


def _read(tar: tarfile.TarFile, member: str | tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(member)
    if stream is None:
        raise ValueError(f"{member} is no file")
    return stream.read()


def _bytes(path: str) -> bytes:
    return path.encode(errors="surrogateescape")


def _is_binary(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("prefix_placeholder")) and entry.get("file_mode") == "binary"


def _of_prefix(content: bytes, entry: Mapping[str, Any], prefix: str) -> bytes:
    """The content of a file with the prefix in the place of its placeholder."""
    if not entry.get("prefix_placeholder"):
        return content
    old, new = _bytes(entry["prefix_placeholder"]), _bytes(prefix)
    if _is_binary(entry):
        return _in_strings(content, old, new)
    line, rest = b"", content
    if content.startswith(b"#!"):
        line, end, rest = content.partition(b"\n")
        line, rest = _shebang(line, old, new), end + rest
    return line + rest.replace(old, new)


def _in_strings(content: bytes, old: bytes, new: bytes) -> bytes:
    """Replace within the strings of a program, which end with a zero byte, and keep their lengths."""
    pieces, done = [], 0
    while (found := content.find(old, done)) >= 0:
        end = content.find(b"\0", found)
        end = len(content) if end < 0 else end
        pieces += [
            content[done:found],
            content[found:end].replace(old, new).ljust(end - found, b"\0"),
        ]
        done = end
    return b"".join([*pieces, content[done:]])


def _shebang(line: bytes, old: bytes, new: bytes) -> bytes:
    """The first line of a script; where it would start nothing, a shell starts Python, and `env` others."""
    replaced = line.replace(old, new)
    if replaced == line or (b" " not in new and len(replaced) <= _SHEBANG_BYTES):
        return replaced
    found = _SHEBANG.fullmatch(line)
    if found is None:
        return replaced
    program, words = (each.replace(old, new) for each in found.groups())
    name = program.rpartition(b"/")[2]
    if name.startswith(b"python"):
        return _LONG_SHEBANG % (program, words)
    return b"#!/usr/bin/env " + name + words


def _entry_point(command: str, prefix: str, python: str) -> CondaFile:
    """The program of a package of modules, which its Python starts."""
    name, module, function = _command(command)
    text = _ENTRY_POINT.format(module=module, first=function.partition(".")[0], function=function)
    shebang = _shebang(b"#!/prefix/bin/python" + python.encode(), b"/prefix", _bytes(prefix))
    return CondaFile(f"bin/{name}", shebang + text.encode(), runs=True)


def _command(text: str) -> tuple[str, str, str]:
    found = re.fullmatch(r"\s*([\w.+-]+)\s*=\s*([\w.]+)\s*:\s*([\w.]+)\s*", text)
    if found is None:
        raise ValueError(f"it has the entry point {text!r}")
    return found[1], found[2], found[3]
