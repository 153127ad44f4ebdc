"""Pins of released versions: each is there, and each is built again. One is made here to try it on."""

import json
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import builder
from code_blocks import block, typed
from polaris_parsl.env.locks.files import Pin, read_requirements
from polaris_parsl.pins.packed import opened
from polaris_parsl.version import VERSION

PINS = builder.REPOSITORY / "pins"
HEADINGS = re.findall(r"(?m)^## (.+)$", (builder.REPOSITORY / "CHANGELOG.md").read_text())
RELEASED = [heading for heading in HEADINGS if heading != "Unreleased"]
# A Debian root is costly to make; this one has the programs of the machine and nothing else of it.
ROOT = """
for name in bin lib lib64 sbin; do ln -s "usr/$name" "$0/$name"; done
mkdir "$0/usr" "$0/dev" "$0/tmp"
mount --rbind /usr "$0/usr"
mount --rbind /dev "$0/dev"
exec "$@"
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source tree that is to be released."""
    copied = builder.copy_source(tmp_path_factory.mktemp("release") / "source")
    if "Unreleased" not in HEADINGS:
        path = copied / "CHANGELOG.md"
        path.write_text(path.read_text().replace("\n## ", "\n## Unreleased\n\n- New.\n\n## ", 1))
    return copied


@pytest.fixture(scope="module")
def made(source: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its pin."""
    home, root = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("root")
    env = builder.environment(home, cache)
    # what the first install in the root would have fetched
    unfinished = shutil.ignore_patterns(".*")  # what another worker is fetching
    wheels = root / ".cache/polaris-parsl/wheels"
    shutil.copytree(cache / "polaris-parsl/wheels", wheels, ignore=unfinished)
    command = [builder.PYTHON, source / "scripts/release.py", "--tested", "--root", root]
    done = builder.run(*builder.namespace("-rm"), "sh", "-ec", ROOT, root, *command, env=env)
    assert done.returncode == 0, done.stderr
    program, _, shown = block("docs/pins.md", "# python3 scripts/release.py").text.partition("\n")
    assert command[1] == source / program.split()[-1]
    printed = done.stdout.replace(f"{source}/", "").replace(VERSION, "VERSION")
    assert printed.endswith(shown), done.stdout
    return source / "pins" / f"{VERSION}.tar.zst"


def test_every_released_version_has_its_pin_and_no_other_lies_there() -> None:
    assert RELEASED
    assert all(re.fullmatch(r"\d{4}\.\d{1,2}\.\d+", heading) for heading in RELEASED)
    assert {path.name for path in PINS.glob("*")} == {f"{each}.tar.zst" for each in RELEASED}


@pytest.mark.parametrize("version", RELEASED)
def test_a_pin_is_whole_and_its_receipt_agrees_with_its_locks(version: str) -> None:
    with opened(PINS / f"{version}.tar.zst") as bundle:
        was = bundle.receipt
        locked = read_requirements(bundle.folder / "source/overlay.lock")
    assert was["version"] == version
    assert len(own_files(was)) > 100
    refuse_unlocked(was, locked)


def refuse_unlocked(receipt: Mapping[str, Any], locked: Mapping[str, Pin]) -> None:
    """Fail where an overlay has something else than the lock, or lacks Parsl."""
    for each in receipt["overlay"]:
        pin_of_it = locked[each["name"]]
        assert each["version"] == pin_of_it.version
        assert each["sha256"] in pin_of_it.sha256
    added = {each["name"] for each in receipt["overlay"]}
    assert {*receipt["from_base"], *added} >= {"parsl", "dill"}


@pytest.mark.long  # test_pins.py builds the bundle of this version again
@pytest.mark.parametrize("version", RELEASED)
def test_a_pin_is_built_again(version: str, env: dict[str, str], tmp_path: Path) -> None:
    pin = PINS / f"{version}.tar.zst"
    with opened(pin) as bundle:
        was = bundle.receipt
        locked = read_requirements(bundle.folder / "source/overlay.lock")
        trust = ["--trust", bundle.identity]
    assert was["version"] == version
    there, elsewhere = typed("docs/pins.md", "$ polaris-parsl recreate pins/VERSION")
    has_base = Path(was["base"]["executable"]).exists()
    documented = (there if has_base else elsewhere).command.partition(" #")[0]
    places = {
        "pins/VERSION.tar.zst": pin,
        "DIR": tmp_path / "p",
        "/path/to/python3": sys.base_prefix,
    }
    _, verb, *words = documented.split()
    words = [str(places.get(word, word)) for word in words]
    done = builder.run(*builder.command(builder.REPOSITORY, verb, *words, *trust), env=env)
    assert done.returncode in ((11, 0) if "  base: " in done.stderr else (0,)), done.stderr
    root = tmp_path / "p/versions" / was["version"]
    now = json.loads((root / "receipt.json").read_text())
    assert own_files(now) == own_files(was)
    assert len(own_files(now)) > 100
    refuse_unlocked(now, locked)
    code = "import parsl, polaris_parsl; print(parsl.__version__)"
    ran = builder.run(root / "overlay/bin/python", "-c", code, env={"PATH": "/usr/bin:/bin"})
    assert ran.stdout == f"{was['parsl']}\n", ran.stderr


def own_files(receipt: Mapping[str, Any]) -> dict[str, str]:
    """Digests of the files of Parsl and polaris_parsl by their names, whatever the Python."""
    inside = re.compile(r"overlay/lib/python3\.\d+/site-packages/((?:parsl|polaris_parsl)/.*)")
    return {
        found[1]: digest
        for name, digest in receipt["files"].items()
        if (found := inside.fullmatch(name)) and not name.endswith(".pyc")
    }


def test_a_release_is_dated_and_its_pin_names_no_place_of_the_machine(
    made: Path, source: Path, cache: Path
) -> None:
    headings = re.findall(r"(?m)^## (.+)$", (source / "CHANGELOG.md").read_text())
    assert headings[0] == VERSION
    assert "Unreleased" not in headings
    with opened(made) as bundle:
        assert bundle.receipt["prefix"] == "/opt/polaris-parsl"
        assert bundle.receipt["base"]["prefix"] == "/usr"
        cited = (source / "CITATION.cff").read_text()
        assert (bundle.folder / "source/CITATION.cff").read_text() == cited
        for path in bundle.folder.rglob("*"):
            for place in (source, cache, Path.home()):
                assert path.is_dir() or f"{place}/".encode() not in path.read_bytes(), path


def test_a_version_is_released_once(made: Path, source: Path, env: dict[str, str]) -> None:
    before = builder.tree(source)
    done = builder.run(builder.PYTHON, source / "scripts/release.py", env=env)
    assert done.returncode == 1
    assert f"pins/{made.name} exists already" in done.stderr
    assert builder.tree(source) == before


def test_a_release_that_fails_leaves_the_source_tree_as_it_was(
    env: dict[str, str], tmp_path: Path
) -> None:
    source = builder.copy_source(tmp_path / "source")
    (source / "CHANGELOG.md").write_text("## Unreleased\n")
    (tmp_path / "root").mkdir()
    before = builder.tree(source)
    command = [builder.PYTHON, source / "scripts/release.py", "--root", tmp_path / "root"]
    done = builder.run(*command, "--tested", env=env)
    assert done.returncode == 1
    assert "failed:" in done.stderr
    assert builder.tree(source) == before


def test_nothing_is_released_where_a_test_fails(env: dict[str, str], tmp_path: Path) -> None:
    source = builder.copy_source(tmp_path / "source")
    (source / "CHANGELOG.md").write_text("## Unreleased\n")
    tests = source / "scripts/test.sh"
    tests.write_text('#!/bin/sh\necho "given: $*"\nexit 1\n')
    (tmp_path / "root").mkdir()
    before = builder.tree(source)
    command = [builder.PYTHON, source / "scripts/release.py", "--root", tmp_path / "root"]
    done = builder.run(*command, env=env)
    assert done.returncode == 1
    assert "given: --all\n" in done.stdout
    assert "a test fails, nothing was released" in done.stderr
    assert builder.tree(source) == before
