"""The user's packages on the nodes' own disks: found in the driver, packed beside what workers start from.

RUN_DIR/polaris_parsl/KEY.tar.gz is the install's archive and, behind it, the packages; KEY stands for all of
their files, so that later runs with the same files find it there.
"""

import hashlib
import importlib.util
import io
import marshal
import os
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from gzip import GzipFile
from pathlib import Path
from typing import IO

from polaris_parsl.configuration.node import elf
from polaris_parsl.configuration.node.start import NAMES, PACKAGES
from polaris_parsl.errors import OptionError

# Stands in the launch command until the archive is there.
DIGEST = "STAGE_DIGEST"
# Nodes find no archive of that digest, and start workers from the shared file system.
NO_DIGEST = "0" * 64
_KEY_LENGTH = 16
_LEVEL = 1
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class StagedModules:
    """Packages for the nodes' own disks.

    Attributes:
        roots: by name, the directory of sys.path that each is in.
        files: of all, with the libraries that theirs look for near themselves.
        archive: the install's, which they are added to.
    """

    roots: Mapping[str, str]
    files: tuple[Path, ...]
    archive: Path

    @cached_property
    def key(self) -> str:
        """Stands for names, sizes and times of all files."""
        found = hashlib.sha256(repr(sorted(self.roots.items())).encode())
        for file in (self.archive, *self.files):
            status = file.stat()
            found.update(
                f"{file}\0{status.st_size}\0{status.st_mtime_ns}\0".encode(errors="replace")
            )
        return found.hexdigest()[:_KEY_LENGTH]

    @cached_property
    def kib(self) -> int:
        """How much room they need."""
        return sum(each.stat().st_size for each in self.files) >> 10

    def place(self, run_dir: Path) -> Path:
        """Where the archive is or will be."""
        return run_dir / "polaris_parsl" / f"{self.key}.tar.gz"

    def write(self, run_dir: Path) -> str:
        """Write the archive, if it is not there, and return its digest.

        Raises:
            OSError: a file cannot be read, or the archive cannot be written.
        """
        place = self.place(run_dir)
        known = place.with_name(f"{place.name}.sha256")
        if place.exists() and known.exists():
            return known.read_text(encoding="ascii").strip()
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{place.name}.{os.getpid()}")
        try:
            with part.open("wb") as stream:
                _copy(self.archive, stream)
                with GzipFile(fileobj=stream, mode="wb", compresslevel=_LEVEL, mtime=0) as packed:
                    self._pack(packed)
            digest = _digest(part)
            known.write_text(f"{digest}\n", encoding="ascii")
            part.replace(place)
        finally:
            part.unlink(missing_ok=True)
        return digest

    def _pack(self, stream: GzipFile) -> None:
        names = marshal.dumps(dict(self.roots))
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
            member = tarfile.TarInfo(NAMES)
            member.size = len(names)
            tar.addfile(member, io.BytesIO(names))
            for file in self.files:
                tar.add(file.resolve(), f"{PACKAGES}{file}", recursive=False)


def find_modules(names: Sequence[str], archive: Path) -> StagedModules:
    """The packages of some names, as this process would import them.

    Args:
        names: of packages or modules of the top level.
        archive: of the install.

    Raises:
        OptionError: one of them is not there, or not in a directory of sys.path.
    """
    roots, files = {}, set()
    for name in names:
        place = _place(name)
        root = str(place.parent)
        if root not in sys.path:
            raise OptionError(
                f"stage_modules names {name}, which is in {root}, and this is no directory of sys.path",
                remedy="install it without --editable, or leave it out: it is then imported from where it is",
            )
        roots[name] = root
        files |= set(_below(place))
    return StagedModules(roots, tuple(sorted(files | _libraries(files))), archive)


def _place(name: str) -> Path:
    """The directory of a package, or the file of a module."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise OptionError(
            f"stage_modules names {name}, which {sys.executable} does not find",
            remedy="correct the name, or install it into this environment",
        )
    if not spec.has_location or not spec.origin:
        raise OptionError(
            f"stage_modules names {name}, which has no file of its own",
            remedy="leave it out",
        )
    origin = Path(spec.origin)
    return origin.parent if spec.submodule_search_locations is not None else origin


def _below(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
        return
    for folder, _, names in os.walk(place):
        yield from (each for name in names if (each := Path(folder, name)).is_file())


def _libraries(files: set[Path]) -> set[Path]:
    """Libraries outside of the packages that theirs look for beside themselves, and what those look for."""
    found: set[Path] = set()
    left = [each for each in files if ".so" in each.name]
    while left:
        library = left.pop()
        folders, needed = elf.beside(library.read_bytes())
        for folder in folders:
            near = Path(os.path.normpath(library.parent / folder))
            new = {near / each for each in needed if (near / each).is_file()} - files - found
            found |= new
            left += new
    return found


def _copy(source: Path, target: IO[bytes]) -> None:
    with source.open("rb") as stream:
        while data := stream.read(_CHUNK_BYTES):
            target.write(data)


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
