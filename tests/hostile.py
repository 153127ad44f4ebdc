"""A group's prefix in which a member is an enemy, and what another member's command says there.

As root, three real users play it (tests/actors.py).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

import kills
from actors import act
from polaris_parsl.cli.main import app
from polaris_parsl.errors import PolarisParslError

CHANGES = (
    ("default", kills.OLD),
    ("deprecate", kills.OLD, "--until", "2999-12-31", "--because", "old"),
    ("rollback",),
    ("remove", kills.OLD),
    ("repair",),
)
IN_PREFIX = (
    "state",
    "versions",
    "modulefiles",
    "modulefiles-tcl",
    "modulefiles/polaris-parsl",
    "modulefiles-tcl/polaris-parsl",
)
# what a member may put a link in the place of
SWAPPED = (*IN_PREFIX, "bases")


@dataclass
class World:
    """A group's prefix with two versions, and the home of the member who is attacked."""

    top: Path

    @property
    def prefix(self) -> Path:
        return self.top / "project/polaris-parsl"

    @property
    def home(self) -> Path:
        return self.top / "home"

    def run(self, *words: str, user: str = "victim") -> str:
        """What a command prints, its refusal included."""
        command = [*words, "--prefix", str(self.prefix)]
        if words[0] == "verify":
            command = [*words, "--root", str(self.prefix / "versions" / kills.USUAL)]

        def call() -> str:
            done = CliRunner().invoke(app, command, catch_exceptions=True)
            if isinstance(done.exception, PolarisParslError | SystemExit | None):
                return f"{done.output}{done.stderr}{done.exception or ''}"
            raise done.exception

        return str(act(user, call))

    def hostile(self, call: Callable[[], object]) -> None:
        """What another member does."""
        act("member", lambda: call() and None)

    def add_state(self, **changed: Any) -> Path:
        """Another member adds a generation, with values of his choice."""
        last = max((self.prefix / "state").glob("????????.json"))
        number = int(last.stem) + 1
        made = last.with_name(f"{number:08d}.json")
        data = json.loads(last.read_text()) | {"generation": number} | changed
        self.hostile(lambda: made.write_text(json.dumps(data)))
        return made

    def seen(self) -> dict[str, tuple[Any, ...]]:
        """Everything outside of the prefix, as far as a change of it shows."""
        found = {}
        for path in (self.top, self.prefix.parent, self.home, *self.home.rglob("*")):
            is_ = path.lstat()
            link = str(path.readlink()) if path.is_symlink() else ""
            found[str(path)] = (is_.st_ino, is_.st_mode, is_.st_uid, is_.st_gid, is_.st_size, link)
        return found


def everything(world: World) -> str:
    """What every verb prints, one after the other."""
    return "\n".join(world.run(*words) for words in (*CHANGES, ("list",), ("audit",)))


def swap_for_link(place: Path, target: Path) -> Callable[[], None]:
    """What puts a link in the place of a directory."""

    def swap() -> None:
        if place.exists():
            place.rename(place.with_name("kept"))
        place.symlink_to(target)

    return swap
