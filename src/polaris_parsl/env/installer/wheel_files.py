"""A wheel, and what an environment gets of it."""

import hashlib
import io
import os
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from polaris_parsl.env.installer.wheels import Wheel
from polaris_parsl.errors import LockError

SITE = "site-packages"


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
        # only a source tree has what it imports
        from polaris_parsl.env.installer import unpacking  # noqa: PLC0415

        content = wheel.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != wheel.sha256:
            raise _refused(wheel, "has changed since it was checked")
        self.wheel = wheel
        self._site = f"lib/python{minor}/{SITE}"
        self._unpack = unpacking.unpack
        try:
            archive = zipfile.ZipFile(io.BytesIO(content))
            archive.filename = wheel.path.name
            self._source = unpacking.open_source(archive)
        except (ValueError, zipfile.BadZipFile) as error:
            raise _refused(wheel, f"is no wheel of one distribution: {error}") from error
        self._members = [each for each in archive.namelist() if not each.endswith("/")]

    @property
    def is_only_modules(self) -> bool:
        """Whether it holds nothing but modules of Python, which can be imported from an archive."""
        return all(
            name.endswith((".py", ".pyi", "/py.typed"))
            for name in self._members
            if not name.startswith(f"{self._source.dist_info_dir}/")
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
        try:
            return self._unpack(self._source, self.wheel.name, self._site)
        except ValueError as error:
            raise _refused(self.wheel, f"cannot be unpacked: {error}") from error


def requirements_of(metadata: str) -> list[str]:
    """The requirements in the metadata of a distribution, as they stand there."""
    head = metadata.replace("\r\n", "\n").split("\n\n")[0]
    return re.findall(r"(?m)^Requires-Dist: *(.+?) *$", head)


def write_file(folder: Path, file: WheelFile) -> None:
    """Write a file of a wheel into an environment; one that a wheel before has brought is replaced."""
    target = f"{folder}/{file.name}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    mode = 0o755 if file.runs else 0o644
    try:
        number = os.open(target, flags, mode)
    except FileNotFoundError:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        number = os.open(target, flags, mode)
    with os.fdopen(number, "wb") as stream:
        stream.write(file.content)


def _refused(wheel: Wheel, why: str) -> LockError:
    return LockError(f"{wheel.path} {why}", remedy=f"remove {wheel.path.parent} and install again")
