"""Faults of directories: what preload.c lets fail in every process of the sandbox."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from polaris_parsl.errors import SandboxError
from polaris_parsl.sandbox.faults.fault import Fault
from polaris_parsl.sandbox.settings import FULL_BYTES, Settings


@dataclass
class DirectoryFaults:
    """Writes into a page that all processes see which directory is full or gone, and how."""

    settings: Settings

    def check(self, fault: Fault) -> None:
        """Refuse what is no directory.

        Raises:
            SandboxError: there is no such directory, or its path is too long.
        """
        folder = Path(fault.target)
        if (
            not fault.target
            or not folder.is_dir()
            or len(os.fsencode(folder.resolve())) >= FULL_BYTES - 1
        ):
            raise SandboxError(
                f"{fault}: not a directory", remedy="give one that is there, such as runinfo"
            )

    def begin(self, fault: Fault) -> Callable[[], None]:
        """Let what is done in the directory fail; returns what ends it.

        Raises:
            SandboxError: there is no such directory.
        """
        self.check(fault)
        path = os.fsencode(Path(fault.target).resolve())
        self._write(path.ljust(FULL_BYTES - 1, b"\0") + fault.kind[:1].encode())
        return lambda: self._write(bytes(FULL_BYTES))

    def _write(self, data: bytes) -> None:
        with self.settings.full.open("r+b") as page:
            page.write(data)
