"""docs/rooms.svg shows the rooms that the code has, who imports whom, and about how large they are."""

import importlib.util
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "rooms.py"
AGAIN = "the picture is older than the code: run scripts/rooms.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rooms", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def picture(script: ModuleType) -> ElementTree.Element:
    return ElementTree.parse(script.PICTURE).getroot()


def test_the_picture_has_every_room_on_its_floor(
    script: ModuleType, picture: ElementTree.Element
) -> None:
    shown = {
        (box.get("data-room"), int(box.get("data-floor", "0")))
        for box in picture.iter()
        if box.get("data-room")
    }
    assert len(shown) > 10
    assert shown == {(room.name, room.floor) for room in script.rooms()}, AGAIN


def test_the_picture_has_an_arrow_for_every_import_between_rooms(
    script: ModuleType, picture: ElementTree.Element
) -> None:
    shown = {
        (arrow.get("data-from"), arrow.get("data-to"))
        for arrow in picture.iter()
        if arrow.get("data-from")
    }
    assert len(shown) > 40
    assert shown == set(script.imports()), AGAIN


def test_every_arrow_points_downwards(script: ModuleType) -> None:
    floor = {room.name: room.floor for room in script.rooms()}
    assert [pair for pair in script.imports() if floor[pair[0]] >= floor[pair[1]]] == []


def test_the_sizes_in_the_picture_are_right_to_a_fifth(
    script: ModuleType, picture: ElementTree.Element
) -> None:
    real = {room.name: room for room in script.rooms()}
    for box in picture.iter():
        if name := box.get("data-room"):
            for key, size in (("modules", real[name].modules), ("lines", real[name].lines)):
                assert int(box.get(f"data-{key}", "0")) == pytest.approx(size, rel=0.2, abs=2), (
                    AGAIN
                )


def test_every_folder_and_module_of_the_package_is_in_a_room(script: ModuleType) -> None:
    package = SCRIPT.parents[1] / "src" / script.PACKAGE
    names = {path.stem for path in package.iterdir() if path.suffix == ".py"}
    names |= {path.name for path in package.iterdir() if (path / "__init__.py").exists()}
    outside = {name for name in names if script.room_of(f"{script.PACKAGE}.{name}") is None}
    # above all floors: what users import, and what `python -m` runs
    assert outside == {"__init__", "__main__"}
