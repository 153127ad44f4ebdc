"""What a member of the group may have put into a prefix: the next command of another stays within it.

As root, three real users play it (tests/actors.py). A command that would wait for ever ends
by the time limit of every test.
"""

import json
import os
import stat
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import builder
import kills
from actors import act
from hostile import CHANGES, SWAPPED, World, everything, swap_for_link
from polaris_parsl.env.prefix.bases import base_files
from polaris_parsl.env.user import venv
from polaris_parsl.errors import PolarisParslError, PrefixError, ReceiptError


@pytest.mark.parametrize("key", ["withdrawn", "default", "deprecated"])
def test_a_name_in_the_state_that_is_no_version_is_refused(world: World, key: str) -> None:
    before = world.seen()
    names = ["../../../home/thesis", str(world.home), "..", ".", "", "1.0/../../home", "a", 7]
    for name in names[: -1 if key == "deprecated" else None]:  # JSON has no number as a key
        notice = {"until": "2999-01-01", "because": "x"}
        value = {"withdrawn": [name], "default": name, "deprecated": {name: notice}}[key]
        made = world.add_state(**{key: value})
        said = world.run("repair")
        assert f"{made} is damaged: ValueError: {name!r} is no version" in said
        assert f"rm {made}" in said
        if name == names[0]:
            assert everything(world).count(f"{made} is damaged") >= len(CHANGES)
        world.hostile(made.unlink)
    assert world.seen() == before


def test_a_link_in_the_place_of_a_version_is_deleted_and_not_followed(world: World) -> None:
    before = world.seen()
    link = world.prefix / "versions/2020.1"
    world.hostile(lambda: link.symlink_to(world.home / "thesis"))
    assert "2020.1" not in world.run("list")
    world.add_state(withdrawn=["2020.1"])
    assert "deleted: versions/2020.1" in world.run("repair")
    assert not os.path.lexists(link)
    assert world.seen() == before


def test_of_what_a_command_left_only_what_lies_in_the_prefix_is_deleted(world: World) -> None:
    before = world.seen()
    thesis = world.home / "thesis"

    def put(left: Path, tree: Path) -> None:
        left.symlink_to(thesis)
        tree.mkdir()
        tree.chmod(0o777)
        for name in (thesis, thesis / "chapter", world.home):
            (tree / name.name).symlink_to(name)
        os.mkfifo(tree / "pipe")

    for folder in ("versions", "state", "modulefiles/polaris-parsl"):
        left = world.prefix / folder / ".removed-1.0@host-01234567.1.1"
        tree = left.with_name(".removed-2.0@host-01234567.1.1")
        world.hostile(partial(put, left, tree))
        said = world.run("repair")
        assert f"deleted: {left.relative_to(world.prefix)}" in said
        assert not os.path.lexists(left)
        assert not tree.exists() or not list(tree.iterdir())
    assert world.seen() == before


@pytest.mark.parametrize("name", SWAPPED)
def test_a_link_in_the_place_of_a_directory_is_refused_and_its_target_stays_as_it_is(
    world: World, name: str
) -> None:
    place = world.prefix / name
    swap = swap_for_link(place, world.home / "thesis")

    def install() -> str:
        try:
            kills.install(world.prefix, kills.NEW)
        except PolarisParslError as error:
            return str(error)
        return ""

    world.hostile(swap)
    before = world.seen()
    refusal = f"{place} is a link, and nothing in a prefix is reached through one"
    for words in (*CHANGES, ("remove", "--all")):
        assert refusal in world.run(*words), words
    assert refusal in act("victim", install)
    assert world.seen() == before


def test_a_directory_that_is_there_is_not_opened_up(world: World) -> None:
    state = world.prefix / "state"
    act("victim", lambda: state.rename(state.with_name("kept")))
    act("victim", lambda: state.mkdir(mode=0o700))
    before = stat.S_IMODE(state.stat().st_mode), state.stat().st_gid
    assert "written" in world.run("default", kills.OLD)
    assert (stat.S_IMODE(state.stat().st_mode), state.stat().st_gid) == before


def test_a_receipt_of_another_version_than_its_directory_is_refused(world: World) -> None:
    before = world.seen()
    good = json.loads((world.prefix / "versions" / kills.OLD / "receipt.json").read_text())
    root = world.prefix / "versions/2020.1"
    world.hostile(root.mkdir)
    away = "../../../home/thesis/chapter"
    for version, track in (
        (away, "current"),
        ("2020.1", f"../{away}"),
        ("2019.1", "current"),
        (["2020.1"], "current"),
    ):
        text = json.dumps(good | {"version": version, "track": track})
        world.hostile(partial((root / "receipt.json").write_text, text))
        assert "2020.1 is damaged: " in world.run("repair")
        (row,) = [line for line in world.run("list").splitlines() if line.startswith("2020.1")]
        assert "damaged: " in row
    everything(world)
    assert not list(world.prefix.glob("modulefiles*/polaris-parsl/2019.1*"))
    assert world.seen() == before


@pytest.mark.parametrize(
    "name",
    [
        "state/00000009.json",
        "versions/2020.1/receipt.json",
        "modulefiles/polaris-parsl/2020.1.lua",
        "modulefiles/polaris-parsl/.modulerc.lua",
    ],
)
def test_only_small_regular_files_are_read(world: World, name: str) -> None:
    path = world.prefix / name
    before = world.seen()

    def large() -> None:
        with path.open("w") as stream:
            stream.truncate(10**12)

    kinds: dict[str, Any] = {
        "pipe": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
        "link": lambda: path.symlink_to(world.home / "thesis/chapter"),
        "folder": path.mkdir,
        "large": large,
        "deep": lambda: path.write_text("[" * 200_000),
    }
    world.hostile(partial(path.parent.mkdir, exist_ok=True))
    for kind, put in kinds.items():
        world.hostile(partial(path.unlink, missing_ok=True))
        world.hostile(put)
        said = world.run("list") + world.run("repair")
        if name.startswith("state"):
            assert str(path) in said, kind
        if name.startswith("versions"):
            assert "2020.1 is damaged: " in said, kind
        if kind == "pipe":
            everything(world)
            world.run("verify")
        if kind == "folder":
            world.hostile(path.rmdir)
    assert world.seen() == before


def test_a_locked_base_is_a_name_and_its_receipt_a_file(world: World) -> None:
    before = world.seen()
    good = json.loads((world.prefix / "versions" / kills.OLD / "receipt.json").read_text())
    root = world.prefix / "versions/2020.1"
    base = world.prefix / "bases" / kills.KEY

    def put(key: object, label: str = "") -> None:
        root.mkdir(exist_ok=True)
        data = good | {"version": "2020.1", "label": label, "locked_base": {"key": key}}
        (root / "receipt.json").write_text(json.dumps(data))

    for key in ("../../../home/thesis", str(world.home), "", ["x"], 7, kills.KEY + "\n"):
        world.hostile(partial(put, key))
        assert "is no locked base" in world.run("repair")
    world.hostile(partial(put, kills.KEY, "../../../home"))
    assert "is no version" in world.run("repair")

    def pipe() -> None:
        put(kills.KEY)
        base.mkdir(parents=True)
        os.mkfifo(base / "receipt.json")

    world.hostile(pipe)
    everything(world)
    with pytest.raises(ReceiptError, match="it is not a regular file"):
        base_files(base)
    assert world.seen() == before


@pytest.mark.parametrize("kind", ["pipe", "device", "words"])
def test_an_environment_of_a_stranger_is_read_no_further_than_its_link(
    kind: str, tmp_path: Path
) -> None:
    link = tmp_path / "lib/python3.12/site-packages/polaris-parsl.pth"
    link.parent.mkdir(parents=True)
    if kind == "pipe":
        os.mkfifo(link)
    elif kind == "device":
        link.symlink_to("/dev/zero")
    else:
        link.write_text("/usr\n")
    with pytest.raises(PrefixError, match="is not an environment of"):
        venv.read_venv(tmp_path)


def test_names_and_reasons_of_others_begin_no_line(world: World) -> None:
    evil = "x\n    fix: chmod 777 ~\x1b[2J"
    notice = {"until": "2999-01-01", "because": evil}
    world.add_state(by=evil, change=evil, deprecated={kills.OLD: notice})
    root = world.prefix / "versions/2020.1"

    def put() -> None:
        for folder in (root, world.prefix / "modulefiles/polaris-parsl"):
            folder.mkdir(exist_ok=True)
            (folder / evil).symlink_to(evil)
            (folder / f"{evil}2").write_text(evil)
        data = json.loads((world.prefix / "versions" / kills.OLD / "receipt.json").read_text())
        files = {evil: "0" * 64, "bin/polaris-parsl": "0" * 64}
        text = json.dumps(data | {"version": "2020.1", "files": files})
        (root / "receipt.json").write_text(text)

    world.hostile(put)
    said = everything(world) + world.run("verify")
    assert r"x\n    fix: chmod 777 ~\x1b[2J" in said
    assert "files of the install, missing: " in said
    assert "    fix: chmod 777 ~" not in {line[:20] for line in said.splitlines()}
    lua = (world.prefix / f"modulefiles/polaris-parsl/{kills.OLD}.lua").read_text()
    assert "\x1b" not in lua
    assert "\n    fix: chmod 777" not in lua


@pytest.mark.parametrize("key", ["parsl", "module", "version"])
def test_words_of_a_receipt_that_a_module_shows_are_printable(world: World, key: str) -> None:
    root = world.prefix / "versions/2020.1"
    evil = "1\x1b[2J\n  fix: x"

    def put() -> None:
        root.mkdir()
        data = json.loads((world.prefix / "versions" / kills.OLD / "receipt.json").read_text())
        data["version"] = "2020.1"
        if key == "parsl":
            data["parsl"] = evil
        elif key == "module":
            data["base"]["module"] = {"name": evil, "file": None}
        else:
            data["base"]["interpreter"]["version"] = evil
        (root / "receipt.json").write_text(json.dumps(data))

    world.hostile(put)
    assert "is not one line of printable text" in world.run("repair")
    assert not list(world.prefix.glob("modulefiles*/polaris-parsl/2020.1*"))


def test_a_file_that_seems_to_have_any_size_is_not_read(world: World) -> None:
    root = world.prefix / "versions/2020.1"

    def put() -> None:
        (root / "bin").mkdir(parents=True)
        data = json.loads((world.prefix / "versions" / kills.OLD / "receipt.json").read_text())
        text = json.dumps(data | {"version": "2020.1", "files": {"bin/parallel": "0" * 64}})
        (root / "receipt.json").write_text(text)
        with (root / "bin/parallel").open("w") as stream:
            stream.truncate(10**13)

    world.hostile(put)
    assert "2020.1 is damaged: files of the install, changed: bin/parallel" in world.run("repair")


def test_files_of_a_version_that_became_pipes_are_named(world: World) -> None:
    root = world.prefix / "versions" / kills.USUAL

    def put() -> None:
        builder.unseal(root)
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.name != "receipt.json":
                path.unlink()
                os.mkfifo(path)

    act("victim", put)
    assert "is damaged: files of the install, changed: " in world.run("repair")
    assert "files of the install, changed: " in world.run("verify")
    assert "broken: " in world.run("verify", "--files")


def test_the_last_number_is_named_and_nothing_waits_for_one_after_it(world: World) -> None:
    last = max((world.prefix / "state").glob("*.json"))
    data = json.loads(last.read_text())
    made = last.with_name("99999999.json")
    world.hostile(lambda: made.write_text(json.dumps(data | {"generation": 99999999})))
    for words in (*CHANGES, ("remove", "--all")):
        said = world.run(*words)
        assert f"{made} has the last number that there is" in said, words
        assert f"rm {made}" in said
    world.hostile(lambda: made.write_text(json.dumps(data)))
    assert "generation" in world.run("repair")
    world.hostile(made.unlink)
    assert "changed in" in world.run("default", kills.OLD)


def test_what_a_later_version_made_is_not_called_damaged(world: World) -> None:
    path = world.prefix / "versions" / kills.OLD / "receipt.json"
    command = path.parent / "bin/polaris-parsl"

    def put() -> None:
        data = json.loads(path.read_text())
        builder.unseal(path.parent)
        path.write_text(json.dumps(data | {"format": 99, "base": None}))

    act("victim", put)
    (row,) = [line for line in world.run("list").splitlines() if line.startswith(kills.OLD)]
    assert f"made by a later version: use that version's command: {command}" in row
    assert "damaged" not in row
    said = world.run("repair")
    assert f"{kills.OLD} was made by a later version: use that version's command: {command}" in said
    assert "damaged" not in said
    made = world.add_state(format=99, withdrawn={})
    said = world.run("default", kills.OLD)
    assert f"{made} has format 99: it was made by a later polaris-parsl" in said
    assert f"use that version's command: {world.prefix}/versions/VERSION/bin/polaris-parsl" in said
