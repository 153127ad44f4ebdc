"""Where each file of a wheel goes in an environment, and what is written there (packaging.python.org, binary distributions)."""

import base64
import hashlib
import io
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from polaris_parsl.env.installer.wheels import Wheel
from polaris_parsl.errors import LockError
from polaris_parsl.version import NAME

SITE = "site-packages"
# the environment can be moved: a program finds the Python that lies beside it
_SHEBANG = """\
#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")"/'python' "$0" "$@"
' '''
"""
_PROGRAM = """\
# -*- coding: utf-8 -*-
import sys
from {module} import {first}
if __name__ == "__main__":
    sys.exit({function}())
"""
_OWN_SHEBANG = re.compile(rb"#!python[^\n]*\n?")
_ENTRY = re.compile(r"([^\s=\[]+)\s*=\s*([\w.]+)\s*:\s*([\w.]+)")
_RECORD_LINE = re.compile(r'^(?:"((?:[^"]|"")*)"|([^,]*)),', re.MULTILINE)


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
            self._archive = zipfile.ZipFile(io.BytesIO(content))
        except zipfile.BadZipFile as error:
            raise _refused(wheel, f"is no wheel: {error}") from error
        self._members = {each.filename: each for each in self._archive.infolist()}
        infos = {each.partition("/")[0] for each in self._members if "/" in each}
        found = [each for each in sorted(infos) if f"{each}/WHEEL" in self._members]
        if len(found) != 1 or not found[0].endswith(".dist-info"):
            raise _refused(wheel, "is no wheel of one distribution")
        self._info = found[0]
        self._data = self._info.removesuffix(".dist-info") + ".data/"

    @property
    def is_only_modules(self) -> bool:
        """Whether it holds nothing but modules of Python, which can be imported from an archive."""
        return all(
            name.endswith((".py", ".pyi", "/py.typed"))
            for name in self._members
            if not name.startswith(f"{self._info}/") and not name.endswith("/")
        )

    def modules(self) -> dict[str, str]:
        """The sources of its modules: their names in the wheel, and below site-packages."""
        found = {}
        for name in self._members:
            place = self._place(name)
            if place.startswith(f"{self._site}/") and place.endswith(".py"):
                found[name] = place.removeprefix(f"{self._site}/")
        return found

    def metadata(self) -> str:
        """What it says of its distribution."""
        return self._read(f"{self._info}/METADATA").decode("utf-8", "replace")

    def files(self) -> Iterator[WheelFile]:
        """What the environment gets: all members, programs, and the record of them."""
        record, changed = f"{self._info}/RECORD", []
        for name, member in self._members.items():
            if name.endswith("/") or name == record:
                continue
            file = WheelFile(
                self._place(name),
                self._archive.read(member),
                bool(member.external_attr >> 16 & 0o111),
            )
            if name.startswith(f"{self._data}scripts/"):
                file = _own_python(file)
                changed.append((name, file))
            yield file
        more = [*self._programs()]
        info = f"{self._site}/{self._info}"
        more += [WheelFile(f"{info}/INSTALLER", NAME.encode()), WheelFile(f"{info}/REQUESTED", b"")]
        yield from more
        yield WheelFile(f"{info}/RECORD", self._record(record, changed, more).encode())

    def _place(self, name: str) -> str:
        """Where a member goes, below the environment."""
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or "\\" in name:
            raise _refused(self.wheel, f"holds the path {name!r}")
        if not name.startswith(self._data):
            return f"{self._site}/{name}"
        scheme, _, rest = name.removeprefix(self._data).partition("/")
        places = {
            "purelib": self._site,
            "platlib": self._site,
            "scripts": "bin",
            "data": "",
            "headers": f"include/{self.wheel.name}",
        }
        if scheme not in places:
            raise _refused(self.wheel, f"holds {name!r}, of which nothing says where it goes")
        return f"{places[scheme]}/{rest}".lstrip("/")

    def _programs(self) -> Iterator[WheelFile]:
        """The programs that its entry points name."""
        name = f"{self._info}/entry_points.txt"
        if name not in self._members:
            return
        section = ""
        for line in self._read(name).decode("utf-8").splitlines():
            if line.startswith("["):
                section = line.strip()
            elif section == "[console_scripts]" and (entry := _ENTRY.match(line.strip())):
                program, module, function = entry.groups()
                first = function.partition(".")[0]
                text = _PROGRAM.format(module=module, first=first, function=function)
                yield WheelFile(f"bin/{program}", f"{_SHEBANG}{text}".encode(), runs=True)

    def _record(
        self, name: str, changed: list[tuple[str, WheelFile]], more: list[WheelFile]
    ) -> str:
        """The wheel's own record, with the lines of what was changed or added; sorted."""
        moved = {each for each, _ in changed} | {each.name for each in more}
        lines = []
        for line in self._read(name).decode("utf-8").splitlines():
            found = _RECORD_LINE.match(line)
            if not found:
                continue
            member = (found[1] or found[2] or "").replace('""', '"')
            if member == name or member in moved:
                continue
            lines.append(f"{self._listed(self._place(member))}{line[found.end() - 1 :]}\n")
        lines += [_record_line(self._listed(each.name), each.content) for _, each in changed]
        lines += [_record_line(self._listed(each.name), each.content) for each in more]
        return "".join(sorted([*lines, f"{name},,\n"]))

    def _listed(self, place: str) -> str:
        path = os.path.relpath(place, self._site)
        return f'"{path}"' if "," in path else path

    def _read(self, name: str) -> bytes:
        if name not in self._members:
            raise _refused(self.wheel, f"lacks {name}")
        return self._archive.read(name)


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


def _own_python(file: WheelFile) -> WheelFile:
    """A script of a wheel, which says `#!python`, with the Python of its environment."""
    content = _OWN_SHEBANG.sub(lambda _: _SHEBANG.encode(), file.content, count=1)
    is_python = _OWN_SHEBANG.match(file.content) is not None
    return WheelFile(file.name, content if is_python else file.content, runs=True)


def _record_line(name: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"


def _refused(wheel: Wheel, why: str) -> LockError:
    return LockError(f"{wheel.path} {why}", remedy=f"remove {wheel.path.parent} and install again")
