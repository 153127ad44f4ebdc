"""What a member of the group may have put into a prefix: the next command of another stays within it.

As root, three real users play it (tests/actors.py). A command that would wait for ever ends
by the time limit of every test.
"""

import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import builder
import kills
from actors import IS_ROOT, OURS, USERS, act
from polaris_parsl.below import remove_path
from polaris_parsl.cli.main import app
from polaris_parsl.env.modules import modulefile
from polaris_parsl.env.prefix.lifecycle import publish
from polaris_parsl.env.prefix.publish import staging
from polaris_parsl.errors import OptionError, PolarisParslError
from polaris_parsl.options.paths import interpreter
from polaris_parsl.version import VERSION

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


@pytest.fixture(scope="module")
def _imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let this process import what the verbs use: others may not read the place of the tests."""
    prefix = tmp_path_factory.mktemp("imports") / "prefix"
    with pytest.MonkeyPatch.context() as patch:
        kills.alone(patch.setattr)
        kills.filled(prefix)
        for words in (*CHANGES, ("list",), ("audit",), ("remove", "--all")):
            CliRunner().invoke(app, [*words, "--prefix", str(prefix)])
        CliRunner().invoke(app, ["verify", "--root", str(prefix)])
        CliRunner().invoke(app, ["install", "--dry-run", "--trust-writers", "--base", "/nowhere"])
    modulefile._templates().auto_reload = False


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, _imported: None) -> Iterator[World]:
    kills.alone(monkeypatch.setattr)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("MODULESHOME", raising=False)
    made = World(Path(tempfile.mkdtemp(prefix="polaris-parsl-hostile-")))
    made.top.chmod(0o755)
    for folder, mode in ((made.prefix.parent, 0o2775), (made.home, 0o700)):
        folder.mkdir()
        if IS_ROOT:
            os.chown(folder, 0 if folder != made.home else USERS["victim"], OURS)
        folder.chmod(mode)
    act("victim", lambda: _fill(made))
    yield made
    remove_path(made.top)


def _fill(made: World) -> None:
    for name in (kills.OLD, kills.USUAL):
        with staging(made.prefix, name, group=OURS) as folder:
            builder.small_release(made.prefix, name, folder=folder)
            publish(made.prefix, folder, name, check=lambda: None)
    for name in ("thesis", f"thesis/{kills.OLD}", "thesis/polaris-parsl", "thesis/empty"):
        (made.home / name).mkdir(mode=0o700)
        (made.home / name / "chapter").write_text("years of work\n")
        (made.home / name / "chapter").chmod(0o600)
    (made.home / "thesis/empty/chapter").unlink()


def everything(world: World) -> str:
    """What every verb prints, one after the other."""
    return "\n".join(world.run(*words) for words in (*CHANGES, ("list",), ("audit",)))


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


def swap_for_link(place: Path, target: Path) -> Callable[[], None]:
    """What puts a link in the place of a directory."""

    def swap() -> None:
        place.rename(place.with_name("kept"))
        place.symlink_to(target)

    return swap


@pytest.mark.parametrize("name", IN_PREFIX)
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

    kinds: dict[str, Callable[[], object]] = {
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


@pytest.mark.parametrize("name", IN_PREFIX)
def test_audit_names_a_link_and_does_not_say_to_open_what_it_leads_to(
    world: World, name: str
) -> None:
    place = world.prefix / name
    swap = swap_for_link(place, world.home / "thesis")

    world.hostile(swap)
    said = world.run("audit")
    assert f"link: {place}: a link to {world.home}/thesis" in said
    assert not [line for line in said.splitlines() if "fix: " in line and "thesis" in line]
    assert not [line for line in said.splitlines() if "fix: chmod" in line]


def test_audit_does_not_say_to_open_what_a_link_in_a_version_leads_to(world: World) -> None:
    root = world.prefix / "versions/2020.1"

    def put() -> None:
        root.mkdir()
        (root / "python").symlink_to(world.home / "thesis/chapter")
        (root.with_name("2020.2")).symlink_to(world.home / "thesis")

    world.hostile(put)
    said = world.run("audit")
    assert f"link: {root.with_name('2020.2')}: a link to" in said
    assert not [line for line in said.splitlines() if "fix: chmod" in line and "home" in line]
    if IS_ROOT:
        assert f"look whether {root}/python should lead there" in said


def test_a_modulefile_that_a_member_swaps_is_found_and_repaired(world: World) -> None:
    lua = world.prefix / f"modulefiles/polaris-parsl/{kills.USUAL}.lua"
    tcl = world.prefix / f"modulefiles-tcl/polaris-parsl/{kills.USUAL}"
    default = world.prefix / "modulefiles/polaris-parsl/.modulerc.lua"
    assert world.run("audit").startswith("0 findings")
    assert "not what the receipt" not in world.run("verify")
    bad = {
        lua: lua.read_text() + 'execute{cmd="id", modeA={"load"}}\n',
        tcl: tcl.read_text() + "\nexec id\n",
        # also where it says that another version wrote it, which is not there
        default: default.read_text().replace(kills.USUAL, kills.OLD).replace(VERSION, "9999.1"),
    }
    for path, text in bad.items():
        new = path.with_name("new")
        world.hostile(partial(new.write_text, text))
        world.hostile(partial(new.rename, path))
        assert f"changed: {path}: it was changed: not what the receipt" in world.run("audit")
        said = world.run("verify")
        assert said.startswith("broken: ")
        assert f"broken: {path}: it was changed: not what the receipt and the state give" in said
        assert "`polaris-parsl repair` writes it again" in said
    world.hostile(lua.unlink)
    assert f"{lua}: it is missing" in world.run("verify")
    world.run("repair")
    assert "not what the receipt" not in world.run("verify") + world.run("audit")


def test_a_modulefile_of_another_version_of_the_prefix_is_left_to_its_command(
    world: World,
) -> None:
    lua = world.prefix / "modulefiles/polaris-parsl/.modulerc.lua"
    text = lua.read_text().replace(VERSION, kills.OLD)
    assert text != lua.read_text()
    world.hostile(lua.unlink)
    world.hostile(partial(lua.write_text, text))
    command = f"{world.prefix}/versions/{kills.OLD}/bin/polaris-parsl"
    for verb in ("verify", "audit"):
        assert f"not checked: {lua}: {kills.OLD} wrote it last" in world.run(verb)
        assert f"{command} audit" in world.run(verb)


def test_a_command_that_was_swapped_is_found_without_reading_every_file(world: World) -> None:
    root = world.prefix / "versions" / kills.USUAL
    program = root / "bin/polaris-parsl"

    def swap() -> None:
        builder.unseal(root)
        program.chmod(0o755)
        program.write_text("#!/bin/sh\nid\n")
        # the receipt is the youngest file again
        os.utime(root / "receipt.json")

    act("victim", swap)
    assert "files of the install, changed: bin/polaris-parsl" in world.run("verify")


def test_audit_names_who_owns_or_can_write_a_directory_above(world: World) -> None:
    project = world.prefix.parent
    project.chmod(0o2777)
    assert f"writable: {project}: everybody can write it" in world.run("audit")
    project.chmod(0o2775)
    if IS_ROOT:
        for place in (world.top, project):
            os.chown(place, USERS["outsider"], OURS)
            assert f"writable: {place}: nobody, its owner, can write it" in world.run("audit")
            os.chown(place, 0, OURS)
        os.chown(world.prefix / "modulefiles", USERS["outsider"], OURS)
        (world.prefix / "modulefiles").chmod(0o2775)
        assert f"{world.prefix}/modulefiles: nobody, its owner, can write it" in world.run("audit")


def test_an_install_where_others_can_write_is_refused_unless_that_is_said(world: World) -> None:
    place = world.prefix.parent / "new"
    words = ("install", "--dry-run", "--base", "/nowhere/python")

    def install(*more: str) -> str:
        def call() -> str:
            done = CliRunner().invoke(app, [*words, "--prefix", str(place), *more])
            return f"{done.output}{done.stderr}{done.exception}"

        return str(act("victim", call))

    refusal = f"others could change what you install in {place}, and so run programs as you"
    assert refusal not in install("--group", str(OURS))
    assert "/nowhere/python" in install("--group", str(OURS))
    for mode, more in ((0o2777, ("--group", str(OURS))), (0o2775, ("--no-group-write",))):
        world.prefix.parent.chmod(mode)
        if more != ("--no-group-write",) or IS_ROOT:
            said = install(*more)
            assert refusal in said
            assert f"can write {world.prefix.parent} (" in said
            assert "--trust-writers installs all the same" in said
        assert "/nowhere/python" in install(*more, "--trust-writers")
    world.prefix.parent.chmod(0o2755)
    if IS_ROOT:
        os.chown(world.prefix.parent, USERS["outsider"], OURS)
        said = install("--group", str(OURS))
        assert f"nobody, its owner, can write {world.prefix.parent}" in said
    assert not place.exists()


def test_without_writing_by_the_group_only_the_owner_changes_a_prefix(world: World) -> None:
    def install(prefix: Path, name: str, group: int | None) -> None:
        with staging(prefix, name, group=group, members_write=False) as folder:
            builder.small_release(prefix, name, folder=folder)
            publish(prefix, folder, name, check=lambda: None)

    new = world.prefix.parent / "new"
    act("victim", partial(install, new, kills.OLD, OURS))
    act("victim", partial(install, world.prefix, kills.NEW, None))
    for prefix in (new, world.prefix):
        folders = [prefix, *(prefix / name for name in IN_PREFIX)]
        for folder in folders:
            status = folder.stat()
            assert stat.S_IMODE(status.st_mode) & 0o7022 == 0o2000, folder
            assert status.st_gid == OURS
    if IS_ROOT:
        assert "cannot be written: Permission denied" in world.run(
            "default", kills.OLD, user="member"
        )
    assert "changed in" in world.run("default", kills.OLD)


@pytest.mark.parametrize("prefix", ["pre$fix", "it's", "a`b", "{x}", "back\\slash"])
def test_a_prefix_that_runs_would_refuse_is_refused_at_once(
    prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / prefix
    with pytest.raises(OptionError) as of_runs:
        interpreter(place / "versions" / VERSION / "overlay/bin/python")
    done = CliRunner().invoke(app, ["install", "--prefix", str(place), "--trust-writers"])
    assert str(done.exception) == str(of_runs.value)
    assert list(tmp_path.iterdir()) == []
