"""What the front process tells the keeper, and where things lie in the state directory."""

import enum
import json
from dataclasses import asdict, dataclass
from pathlib import Path


class Tier(enum.StrEnum):
    """How nodes are pretended."""

    NAMESPACES = "namespaces"
    LOOPBACK = "loopback"


@dataclass(frozen=True)
class Settings:
    """One sandbox; min_walltime_seconds lowers the queues' own minimum where it is set."""

    state: Path
    tier: Tier
    nodes: int
    command: tuple[str, ...]
    min_walltime_seconds: int | None

    @property
    def login_bin(self) -> Path:
        """Stand-ins that are first in PATH on the login node."""
        return self.state / "bin" / "login"

    @property
    def node_bin(self) -> Path:
        """Stand-ins that are first in PATH on the compute nodes."""
        return self.state / "bin" / "node"

    @property
    def preload(self) -> Path:
        """The compiled preload.c."""
        return self.state / "preload.so"

    @property
    def socket(self) -> Path:
        """Where the keeper listens; client.py knows the name, too."""
        return self.state / "sock"

    @property
    def failure(self) -> Path:
        """Where the keeper writes why it could not start."""
        return self.state / "failure"

    def folder(self, name: str) -> Path:
        """A folder of the state directory, made where it is missing."""
        path = self.state / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def dumps(self) -> str:
        """The settings as JSON."""
        return json.dumps(asdict(self) | {"state": str(self.state)})

    @classmethod
    def loads(cls, text: str) -> "Settings":
        """Settings from what dumps wrote."""
        data = json.loads(text)
        data |= {
            "state": Path(data["state"]),
            "tier": Tier(data["tier"]),
            "command": tuple(data["command"]),
        }
        return cls(**data)
