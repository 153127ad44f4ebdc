"""Audit, verify and install name what a member of the group has changed or could change."""

import os
import pty
import stat
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

import builder
import kills
from actors import IS_ROOT, OURS, USERS, act
from hostile import IN_PREFIX, SWAPPED, World, swap_for_link
from polaris_parsl.cli.main import app
from polaris_parsl.env.prefix.lifecycle import publish
from polaris_parsl.env.prefix.publish import staging
from polaris_parsl.errors import OptionError, PolarisParslError
from polaris_parsl.options.paths import interpreter
from polaris_parsl.version import VERSION


@pytest.mark.parametrize("name", SWAPPED)
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
            assert ("share it with your project: --group NAME" in said) == ("--group" not in more)
        assert "/nowhere/python" in install(*more, "--trust-writers")
    world.prefix.parent.chmod(0o2755)
    if IS_ROOT:
        os.chown(world.prefix.parent, USERS["outsider"], OURS)
        said = install("--group", str(OURS))
        assert f"nobody, its owner, can write {world.prefix.parent}" in said
    assert not place.exists()


@pytest.mark.parametrize(
    ("answer", "said"), [("n", "choose another --prefix"), ("y", "/nowhere/python")]
)
def test_a_user_at_a_terminal_is_asked_whether_others_may_change_an_install(
    world: World, answer: str, said: str
) -> None:
    place = world.prefix.parent / "new"
    world.prefix.parent.chmod(0o2777)
    words = ["install", "--dry-run", "--base", "/nowhere/python", "--prefix", str(place)]

    def install() -> str:
        child, terminal = pty.fork()
        if child == 0:
            sys.stdin, sys.stdout, sys.stderr = map(os.fdopen, range(3), "rww")
            try:
                app(words, standalone_mode=False)
            except PolarisParslError as error:
                sys.stderr.write(str(error))
            sys.stderr.flush()
            os._exit(0)
        shown = b""
        with suppress(OSError):  # the other end is closed
            while chunk := os.read(terminal, 1 << 16):
                shown += chunk
                if shown.endswith(b"[y/N]: "):
                    os.write(terminal, f"{answer}\n".encode())
        os.waitpid(child, 0)
        return shown.decode()

    shown = act("victim", install)
    assert "warning: " in shown
    assert f" can write {world.prefix.parent} (" in shown
    assert "Install all the same? [y/N]: " in shown
    assert said in shown
    assert ("--trust-writers installs all the same" in shown) == (answer == "n")
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
