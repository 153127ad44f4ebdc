"""Wheels of a wheelhouse: of each locked package the one that pip would take for a base."""

import hashlib
from pathlib import Path

import pytest

from polaris_parsl import below
from polaris_parsl.env.base.choice import Base
from polaris_parsl.env.installer import wheels
from polaris_parsl.env.installer.wheels import fetch
from polaris_parsl.errors import LockError

# of each package the best for CPython 3.12 first
HOUSE = {
    "pure": ["pure-1.0-py2.py3-none-any.whl"],
    "of-each": ["of_each-1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"],
    "stable": ["stable-1.0-cp39-abi3-manylinux_2_28_x86_64.whl", "stable-1.0-py3-none-any.whl"],
    "newer": [
        "newer-1.0-cp312-cp312-manylinux_2_28_x86_64.whl",
        "newer-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
    ],
}
OTHERS = [
    "of_each-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "of_each-1.0-cp312-cp312-manylinux_2_35_x86_64.whl",
    "of_each-1.0-cp312-cp312-macosx_11_0_arm64.whl",
    "stable-1.0-cp313-abi3-manylinux_2_28_x86_64.whl",
    "stable-2.0-cp312-cp312-manylinux_2_28_x86_64.whl",
    "unlocked-1.0-py3-none-any.whl",
    "no wheel.whl",
]


def base_of(minor: str, soabi: str) -> Base:
    markers = {"python_version": minor, "python_full_version": f"{minor}.1"}
    interpreter = {"version": f"{minor}.1", "soabi": f"cpython-{soabi}-x86_64-linux-gnu"}
    interpreter["cache_tag"] = f"cpython-{soabi}"
    return Base(Path("/base/bin/python"), {"markers": markers, "interpreter": interpreter})


def chosen(base: Base, folder: Path) -> set[str]:
    house, scratch = folder / "house", folder / "scratch"
    house.mkdir()
    scratch.mkdir()
    for name in [*OTHERS, *(name for names in HOUSE.values() for name in names)]:
        (house / name).write_text(name)
    lock = folder / "overlay.lock"
    for name, files in HOUSE.items():
        sums = [hashlib.sha256(wheel.encode()).hexdigest() for wheel in [*files, *OTHERS]]
        hashes = " \\\n".join(f"    --hash=sha256:{each}" for each in sums)
        with lock.open("a") as stream:
            stream.write(f"{name}==1.0 \\\n{hashes}\n")
    found = fetch(
        lock, base=base, cache=folder / "cache", scratch=scratch, env={}, wheelhouse=house
    )
    assert not (folder / "cache").exists()
    return {wheel.path.name for wheel in found.values()}


@pytest.mark.parametrize("soabi", ["312", "312d"])
def test_the_best_that_the_base_can_load_is_taken(soabi: str, tmp_path: Path) -> None:
    assert chosen(base_of("3.12", soabi), tmp_path) == {names[0] for names in HOUSE.values()}


@pytest.mark.parametrize(("minor", "soabi"), [("3.13", "313"), ("3.12", "312t")])
def test_what_has_no_wheel_for_the_base_is_named(minor: str, soabi: str, tmp_path: Path) -> None:
    with pytest.raises(LockError, match=rf"no wheel of newer, of-each.* CPython {minor}\.1"):
        chosen(base_of(minor, soabi), tmp_path)


@pytest.mark.parametrize("when", ["while it downloads", "while it keeps them"])
def test_an_install_leaves_what_another_has_kept_meanwhile(
    when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, base = "pure-1.0-py3-none-any.whl", base_of("3.12", "312")
    lock = tmp_path / "overlay.lock"
    lock.write_text(f"pure==1.0 --hash=sha256:{hashlib.sha256(name.encode()).hexdigest()}\n")
    of_the_other: list[int] = []

    def other() -> None:
        monkeypatch.undo()
        monkeypatch.setattr(wheels, "download", download)
        (wheel,) = fetch_from_index().values()
        of_the_other.append(wheel.path.stat().st_ino)

    def download(_lock: Path, folder: Path, **_: object) -> None:
        (folder / name).write_text(name)

    def download_late(lock: Path, folder: Path, **_: object) -> None:
        download(lock, folder)
        other()

    def remove_late(path: Path) -> None:
        monkeypatch.undo()
        below.remove_path(path)
        other()

    def fetch_from_index() -> dict[str, wheels.Wheel]:
        return fetch(lock, base=base, cache=tmp_path / "cache/wheels", scratch=tmp_path, env={})

    if when == "while it downloads":
        monkeypatch.setattr(wheels, "download", download_late)
    else:
        monkeypatch.setattr(wheels, "download", download)
        monkeypatch.setattr(below, "remove_path", remove_late)
    (wheel,) = fetch_from_index().values()
    assert [wheel.path.stat().st_ino] == of_the_other
