"""The settings that the launcher passes to the daemon, and the paths in the state directory."""

import enum
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FULL_BYTES = 4096  # of the page that names a full directory; preload.c repeats it


class Isolation(enum.StrEnum):
    """How nodes are isolated from each other."""

    NAMESPACES = "namespaces"
    LOOPBACK = "loopback"


@dataclass(frozen=True)
class Settings:
    """One sandbox.

    Besides the queues of the facts there are those in queues. The nodes share the directories in shared; processes on them need the others in needed.
    min_walltime_seconds, if set, lowers the queues' minimum walltime; faults are those of --faults.
    """

    state: Path
    isolation: Isolation
    nodes: int
    command: tuple[str, ...]
    shared: tuple[Path, ...]
    needed: tuple[Path, ...]
    queues: tuple[str, ...]
    min_walltime_seconds: int | None
    faults: tuple[Mapping[str, Any], ...] = ()

    @property
    def login_bin(self) -> Path:
        """Commands that come first in PATH on the login node."""
        return self.state / "bin" / "login"

    @property
    def node_bin(self) -> Path:
        """Commands that come first in PATH on the compute nodes."""
        return self.state / "bin" / "node"

    @property
    def preload(self) -> Path:
        """The compiled preload.c."""
        return self.state / "preload.so"

    @property
    def socket(self) -> Path:
        """Where the daemon listens; client.py repeats the name."""
        return self.state / "sock"

    @property
    def full(self) -> Path:
        """Names the directory that a fault has filled; preload.c repeats the name."""
        return self.state / "full"

    @property
    def nodes_own(self) -> Path:
        """Holds what each node has for itself, such as its /tmp."""
        return self.state / "nodes"

    @property
    def failure(self) -> Path:
        """Where the daemon writes why it could not start."""
        return self.state / "failure"

    def folder(self, name: str) -> Path:
        """A folder of the state directory, made if it is missing."""
        path = self.state / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def dumps(self) -> str:
        """The settings as JSON."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def loads(cls, text: str) -> "Settings":
        """Settings from the text of dumps."""
        data = json.loads(text)
        data |= {
            "state": Path(data["state"]),
            "isolation": Isolation(data["isolation"]),
            "command": tuple(data["command"]),
            "shared": tuple(map(Path, data["shared"])),
            "needed": tuple(map(Path, data["needed"])),
            "queues": tuple(data["queues"]),
            "faults": tuple(data["faults"]),
        }
        return cls(**data)
