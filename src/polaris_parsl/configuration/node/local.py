"""Pack what a node needs to start workers from its own disk; standard library only.

Called by record.py, in the interpreter of an install. The archive holds the interpreter and what it
reads at its start, the compiled libraries that workers load, and the image; a file beside it its digest.
Libraries lie to each other as they do in the base, no longer look for others outside, and have no symbols
for debuggers.
"""

import gzip
import hashlib
import importlib.util
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from polaris_parsl.configuration.node import elf, serve, start

# a third of the time of gzip's own 6, and 8 % more bytes
_LEVEL = 1
# Prints the files of the modules that Python reads before a program begins, and that serve.py reads.
_AT_START = "import pathlib, socket, sys; print(*(getattr(each, '__file__', None) for each in sys.modules.values()), sep='\\n')"


def pack(archive: Path, image: Path, root: Path) -> None:
    """Write the archive and its digest; what workers import at their start has been imported."""
    members = dict(_members(root))
    members["workers.image"] = image
    members["start.py"], members["serve.py"] = Path(start.__file__), Path(serve.__file__)
    if not any("/lib-dynload/" in each for each in members):
        # without that directory, a copy of the interpreter would take another's, and its packages
        raise SystemExit(f"{sys.base_prefix} has no compiled modules in lib-dynload")
    stream = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=_LEVEL, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for name, file in sorted(members.items()):
            _add(tar, name, file)
    archive.write_bytes(stream.getvalue())
    digest = hashlib.sha256(stream.getvalue()).hexdigest()
    Path(f"{archive}.sha256").write_text(f"{digest}\n", encoding="ascii")


def _members(root: Path) -> Iterator[tuple[str, Path]]:
    """The files, by their names in the archive."""
    base = Path(sys.base_prefix)
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    yield f"bin/{minor}", Path(f"/proc/{os.getpid()}/exe").resolve()
    library = Path(os.__file__).parent
    at_start = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _AT_START], capture_output=True, check=True, text=True
    )
    # os.py is by what Python knows its library
    for each in {str(library / "os.py"), str(library / "site.py"), *at_start.stdout.splitlines()}:
        source = Path(each)
        if source.is_relative_to(library) and source.suffix == ".py":
            yield f"lib/{minor}/{source.relative_to(library)}", source
            code = Path(importlib.util.cache_from_source(str(source)))
            if code.exists():
                yield f"lib/{minor}/{code.relative_to(library)}", code
    # the kernel names files by where they lie: an install that is being built is reached through a descriptor,
    # and a base may have links to its modules
    root, imported = root.resolve(), _extensions()
    for lies in _mapped():
        file = imported.get(lies, lies)
        if file.is_relative_to(root):
            yield f"install/{file.relative_to(root)}", file
        elif file.is_relative_to(base) and ".so" in file.name:
            yield str(file.relative_to(base)), file


def _extensions() -> dict[Path, Path]:
    """The files of the compiled modules that are imported: where each lies, and how the module path leads to it."""
    named = (getattr(module, "__file__", None) or "" for module in sys.modules.values())
    files = (Path(each) for each in named if each.endswith(".so"))
    return {each.resolve(): each for each in files if each.is_relative_to(sys.base_prefix)}


def _mapped() -> Iterator[Path]:
    """The libraries that this process has loaded."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    named = {line.split(maxsplit=5)[5] for line in lines if len(line.split(maxsplit=5)) > 5}
    yield from (Path(each) for each in sorted(named) if each.startswith("/") and ".so" in each)


def _add(tar: tarfile.TarFile, name: str, file: Path) -> None:
    data = file.read_bytes()
    member = tarfile.TarInfo(name)
    # the time of a source stands in its byte code
    member.mtime = int(file.stat().st_mtime) if name.startswith("lib/python") else 0
    member.mode = 0o755 if name.startswith("bin/") else 0o644
    changed = elf.with_run_path(elf.loaded(data), lambda paths: _within(paths, name))
    member.size = len(changed)
    tar.addfile(member, io.BytesIO(changed))


def _within(paths: str, name: str) -> str:
    """The directories for the libraries of a member; those of the base are replaced by those beside it."""
    base = f"{sys.base_prefix}/"
    here = str(Path(name).parent)
    return (
        ":".join(
            f"$ORIGIN/{os.path.relpath(each.removeprefix(base), here)}"
            for each in paths.split(":")
            if each.startswith(base)
        )
        if base in paths
        else paths
    )
