"""A conda channel of real packages: GNU Parallel and perl as Debian has them, and a Python (conda_python.py).

GNU Parallel comes with a placeholder for its prefix, as conda-build leaves one, and asks for
perl. Both formats of conda are there, and packages for every platform.
"""

import hashlib
import http.server
import io
import json
import re
import shutil
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from backports import zstd

from polaris_parsl.env.locks.conda import lock_conda
from polaris_parsl.env.locks.files import CONDA_LOCK
from polaris_parsl.env.locks.solvers import conda_command

PLACEHOLDER = "/opt/placeholder_" + "placehold_" * 20


@dataclass(frozen=True)
class Package:
    """What a conda package holds: files by name, links by name, and its entry of the index.

    Attributes:
        binary: placeholder for the prefix in the files that are no text; "" where there is none.
        commands: what a package of Python modules adds to bin/.
    """

    index: Mapping[str, Any]
    files: Mapping[str, bytes]
    links: Mapping[str, str]
    binary: str = ""
    commands: Sequence[str] = ()

    @property
    def stem(self) -> str:
        """Its file name without ending."""
        return "{name}-{version}-{build}".format(**self.index)

    def information(self) -> dict[str, bytes]:
        """The files below info/."""
        entries = [self._entry(name, content) for name, content in self.files.items()]
        for name, target in self.links.items():
            # conda-build gives a link to a directory the digest of nothing
            content = self.files.get(str(Path(name).parent / target), b"")
            entries.append(
                {**self._entry(name, content), "path_type": "softlink", "prefix_placeholder": None}
            )
        paths = {"paths_version": 1, "paths": sorted(entries, key=lambda entry: entry["_path"])}
        listed = sorted([*self.files, *self.links])
        found = {
            "info/files": "".join(f"{name}\n" for name in listed).encode(),
            "info/index.json": json.dumps(self.index).encode(),
            "info/paths.json": json.dumps(paths).encode(),
        }
        if self.commands:
            noarch = {"type": "python", "entry_points": list(self.commands)}
            link = {"noarch": noarch, "package_metadata_version": 1}
            found["info/link.json"] = json.dumps(link).encode()
        return found

    def _entry(self, name: str, content: bytes) -> dict[str, Any]:
        entry = {
            "_path": name,
            "path_type": "hardlink",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_in_bytes": len(content),
        }
        if PLACEHOLDER.encode() in content:
            entry |= {"file_mode": "text", "prefix_placeholder": PLACEHOLDER}
        if self.binary and self.binary.encode() in content:
            entry |= {"file_mode": "binary", "prefix_placeholder": self.binary}
        return entry


def gnu_parallel() -> Package:
    """The scripts of Debian's package `parallel`; they call the perl of their prefix."""
    scripts = {
        f"bin/{name}": re.sub(
            rb"\A#!/usr/bin/perl\b",
            f"#!{PLACEHOLDER}/bin/perl".encode(),
            Path("/usr/bin", name).read_bytes(),
        )
        for name in ("parallel", "niceload", "parcat")
    }
    version = re.search(rb"(?m)\$Global::version = (\d+);", scripts["bin/parallel"])
    assert version is not None
    return Package(
        index_entry(
            "parallel", version[1].decode(), "noarch", depends=["perl >=5"], noarch="generic"
        ),
        scripts,
        {"bin/sem": "parallel"},
    )


def perl() -> Package:
    """Debian's perl; its modules stay where Debian has them."""
    done = subprocess.run(
        ["/usr/bin/perl", "-e", 'printf "%vd", $^V'], capture_output=True, text=True, check=True
    )
    program = {"bin/perl": Path("/usr/bin/perl").read_bytes()}
    return Package(index_entry("perl", done.stdout, "linux-64"), program, {})


def index_entry(
    name: str, version: str, subdir: str, *, depends: Sequence[str] = (), **more: str
) -> dict[str, Any]:
    """An entry of a channel's index, without hashes."""
    fixed = {"build": "0", "build_number": 0, "license": "GPL-3.0-or-later"}
    fields = {"name": name, "version": version, "subdir": subdir, "depends": list(depends)}
    return {**fixed, **fields, **more}


def make_channel(folder: Path, packages: Sequence[Package]) -> None:
    """Make the channel, with the index of each of its subdirs."""
    subdirs = {name: dict[str, Any]() for name in ("linux-64", "noarch")}
    for name in subdirs:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for package in packages:
        subdir = package.index["subdir"]
        # one of the older format
        is_old = package.index["name"] == "parallel"
        archive = (_write_tar if is_old else _write_zip)(package, folder / subdir)
        content = archive.read_bytes()
        subdirs[subdir][archive.name] = {
            **package.index,
            "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
        }
    for name, records in subdirs.items():
        old = {each: records[each] for each in records if each.endswith(".tar.bz2")}
        new = {each: records[each] for each in records if each.endswith(".conda")}
        index = {"info": {"subdir": name}, "packages": old, "packages.conda": new}
        (folder / name / "repodata.json").write_text(json.dumps({**index, "repodata_version": 1}))


def _write_tar(package: Package, folder: Path) -> Path:
    """In the older format, one tar."""
    archive = folder / f"{package.stem}.tar.bz2"
    archive.write_bytes(_tar({**package.information(), **package.files}, package.links, "w:bz2"))
    return archive


def _write_zip(package: Package, folder: Path) -> Path:
    """In the newer format, two tars in a zip."""
    archive = folder / f"{package.stem}.conda"
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("metadata.json", json.dumps({"conda_pkg_format_version": 2}))
        content = _tar(package.files, package.links, "w")
        members.writestr(f"pkg-{package.stem}.tar.zst", zstd.compress(content))
        content = _tar(package.information(), {}, "w")
        members.writestr(f"info-{package.stem}.tar.zst", zstd.compress(content))
    return archive


def _tar(
    files: Mapping[str, bytes], links: Mapping[str, str], mode: Literal["w", "w:bz2"]
) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode=mode) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o755 if name.startswith("bin/") or ".so" in name else 0o644
            tar.addfile(member, io.BytesIO(content))
        for name, target in links.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.mode = tarfile.SYMTYPE, target, 0o777
            tar.addfile(member)
    return written.getvalue()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep the output of the tests clean."""


class _BreakingHandler(_Handler):
    """Promises the whole of a file, sends half of it and hangs up; lists a directory as ever."""

    def copyfile(self, source: Any, outputfile: Any) -> None:
        content = source.read()
        is_listing = isinstance(source, io.BytesIO)
        outputfile.write(content if is_listing else content[: len(content) // 2])


@contextmanager
def served(folder: Path, *, breaks_off: bool = False) -> Iterator[str]:
    """Serve a channel on loopback; gives its address."""
    handler = partial(_BreakingHandler if breaks_off else _Handler, directory=str(folder))
    with listening(handler) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def listening(
    handler: Callable[..., http.server.BaseHTTPRequestHandler],
    *,
    https: ssl.SSLContext | None = None,
) -> Iterator[int]:
    """Let a handler answer on loopback, by http or by https; gives the port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if https:
            server.socket = https.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def lock(source: Path, channel: str, *, env: Mapping[str, str]) -> None:
    """Solve environment.yml of a source tree over the channel, with conda-lock and our solver."""
    path = source / "environment.yml"
    python = ".".join(map(str, sys.version_info[:3]))
    version = gnu_parallel().index["version"]
    for each in source.glob("environment*.yml"):
        text = each.read_text().replace("- conda-forge", f"- {channel}")
        text = re.sub(r"- parallel=\d+", f"- parallel={version}", text)
        each.write_text(re.sub(r"- python=[\d.]+", f"- python={python}", text))
    with tempfile.TemporaryDirectory() as scratch:
        solver = conda_command(None, repodata=None, env=env)
        within = source / "overlay.lock"
        lock_conda(path, Path(scratch), within=within, conda=solver, env=env)
        shutil.copy(Path(scratch, CONDA_LOCK), source / CONDA_LOCK)
