"""What is put in the place of something that is being built: it gets nothing of it, and is not published."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import builder
import kills
from actors import IS_ROOT, OURS, act, ready
from hostile import World
from polaris_parsl.env.prefix.bases import claimed, new_base
from polaris_parsl.env.prefix.lifecycle import publish
from polaris_parsl.env.prefix.publish import new_directory, staging
from polaris_parsl.env.receipt import read_receipt
from polaris_parsl.env.user import venv
from polaris_parsl.errors import PolarisParslError


@dataclass
class Built:
    """What the victim builds, and how he writes it: in the directory that he gets."""

    folder: str
    name: str
    build: Callable[[World, Callable[[Path], None]], object]

    def make(self, world: World, meanwhile: Callable[[], None]) -> str:
        """Build it; in the middle another member acts."""

        def fill(folder: Path) -> None:
            meanwhile()
            (folder / "chapter").write_text("ours\n")
            (folder / "empty").mkdir()
            (folder / "empty/chapter").write_text("ours\n")

        try:
            self.build(world, fill)
        except PolarisParslError as error:
            return str(error)
        return ""


def _install(world: World, fill: Callable[[Path], None]) -> None:
    with staging(world.prefix, kills.NEW, group=OURS) as folder:
        fill(folder)
        builder.small_release(world.prefix, kills.NEW, folder=folder)
        publish(world.prefix, folder, kills.NEW, check=lambda: None)


def _base(world: World, fill: Callable[[Path], None]) -> None:
    with (
        claimed(world.prefix, kills.KEY, group=OURS) as root,
        new_base(root, top=world.prefix, group=OURS) as folder,
    ):
        fill(folder)
        builder.small_base(folder, root)


def _pin(world: World, fill: Callable[[Path], None]) -> None:
    with new_directory(world.prefix.parent / "pin") as folder:
        fill(folder)


def _venv(world: World, fill: Callable[[Path], None]) -> None:
    def build(_: venv.VenvPlan, folder: Path, __: object) -> None:
        folder.mkdir()
        fill(folder)
        (folder / "bin").mkdir()
        (folder / "bin/activate").write_text(f"VIRTUAL_ENV={folder}\n")
        (folder / "pyvenv.cfg").write_text("")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(venv, "_build", build)
        receipt = read_receipt(world.prefix / "versions" / kills.USUAL)
        folder = world.prefix.parent / "venv"
        venv.make_venv(venv.VenvPlan(folder, world.prefix, receipt), env={})


BUILT = {
    "install": Built("polaris-parsl/versions", kills.NEW, _install),
    "base": Built("polaris-parsl/bases", kills.KEY, _base),
    "pin": Built(".", "pin", _pin),
    "venv": Built(".", "venv", _venv),
}


@pytest.mark.parametrize("puts", ["link", "directory", "nothing"])
@pytest.mark.parametrize("what", BUILT)
def test_what_a_member_puts_in_the_place_of_what_is_being_built_gets_nothing_of_it(
    world: World, what: str, puts: str
) -> None:
    """Neither is it written to, nor is it published."""
    built = BUILT[what]
    folder = world.prefix.parent / built.folder

    def swap() -> None:
        (place,) = (each for each in folder.glob(".staging-*") if ".claim" not in each.name)
        place.rename(folder / "elsewhere")
        if puts == "link":
            place.symlink_to(world.home / "thesis")
        elif puts == "directory":
            place.mkdir()
            (place / "theirs").touch()

    # a place in which members may make directories
    world.prefix.parent.chmod(0o2775)
    before = world.seen()
    with ready("member", swap) as meanwhile:
        said = str(act("victim", lambda: built.make(world, meanwhile)))
    after = world.seen()
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed <= {str(world.prefix.parent)}
    target = folder / built.name
    if what == "venv":
        # it was taken out of our own directory, wherever that was
        assert said == ""
        assert (target / "bin/activate").read_text() == f"VIRTUAL_ENV={target}\n"
    else:
        assert f"somebody put another directory in the place of {target}" in said
        assert not os.path.lexists(target)
    # what he has filled he may keep
    left = [name for each in folder.glob(".staging-*") for name in each.iterdir()]
    assert [each.name for each in left] == (["theirs"] if puts == "directory" and IS_ROOT else [])
    assert kills.NEW not in world.run("list")
