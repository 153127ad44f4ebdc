"""What happens to bases and installs, replayed on a real install, and what `verify` says of it."""

import json
import re
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import builder
import drift_events
import traces
from drift_events import EVENTS, Event, World
from polaris_parsl.below import remove_path
from polaris_parsl.env.base.drift import Verdict

DOCUMENT = builder.REPOSITORY / "docs" / "drift.md"

# Modules as ALCF's: the base's names a compiler.
_CONDA = 'depends_on("gcc-native/14.2")\nfamily("python")\n'


@pytest.fixture(scope="module")
def built(filled_cache: Path, lmod: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The install that all events happen to."""
    folder = tmp_path_factory.mktemp("drift")
    base = builder.stand_in_base(folder / "soft" / "2025-09-25" / "mconda3", conda=True)
    packages = builder.site_packages(base)
    builder.add_distribution(packages, "filelock", "3.20.0")
    builder.add_distribution(packages, "numpy", "2.2.6")
    (base / "conda-meta/python-3.12.11-h1_0_cpython.json").write_text("{}")
    tree = folder / "modulefiles"
    for name, text in (("conda/2025-09-25", _CONDA), ("gcc-native/14.2", "")):
        path = tree / f"{name}.lua"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    prefix = folder / "prefix"
    more = {"LMOD_CMD": str(lmod.parents[1] / "libexec/lmod"), "MODULEPATH": str(tree)}
    env = builder.environment(tmp_path_factory.mktemp("home"), filled_cache, **more)
    options = ["--prefix", prefix, "--base", base, "--base-module", "conda/2025-09-25"]
    done = builder.run(*builder.install_command(builder.REPOSITORY, *options), env=env)
    assert done.returncode == 0, done.stderr
    (root,) = (prefix / "versions").iterdir()
    builder.unseal(root)
    return World(base, tree, prefix, root, env, packages)


@pytest.fixture(scope="module")
def kept(built: World, tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Path]:
    """A copy of each part of the install that an event may change; the receipt is the last."""
    root = built.root
    places = [built.base, built.tree, built.prefix / "modulefiles"]
    places += [root / "overlay", root / "bin", root / "receipt.json"]
    folder = tmp_path_factory.mktemp("kept")
    copies = {place: folder / f"{number}" for number, place in enumerate(places)}
    for place, copy in copies.items():
        put_back(place, copy)
    return copies


@pytest.fixture
def world(built: World, kept: dict[Path, Path]) -> Iterator[World]:
    """The install as it was built; what an event does to it is undone afterwards."""
    yield built
    receipt = built.root / "receipt.json"
    receipt.unlink(missing_ok=True)  # no file of an install is younger than its receipt
    for place, copy in kept.items():
        put_back(copy, place)
    now = kept[receipt]
    while now.stat().st_ctime_ns <= receipt.stat().st_ctime_ns:
        now.touch()  # the file system's clock ticks every few milliseconds; an event comes later


def put_back(source: Path, target: Path) -> None:
    """Make the target equal to the source; only what differs in type, size or time is copied."""
    if not is_folder(source):
        if looks(source) != looks(target):
            remove_path(target)
            shutil.copy2(source, target, follow_symlinks=False)
        return
    if not is_folder(target):
        remove_path(target)
        target.mkdir()
    names = {each.name for each in source.iterdir()}
    for each in target.iterdir():
        if each.name not in names:
            remove_path(each)
    for name in names:
        put_back(source / name, target / name)
    shutil.copystat(source, target)


def is_folder(path: Path) -> bool:
    """Whether it is a directory itself."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def looks(path: Path) -> tuple[object, ...]:
    """What changes if somebody changes a file or link."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return (path,)
    if stat.S_ISLNK(found.st_mode):
        return (path.readlink(),)
    if not stat.S_ISREG(found.st_mode):
        return (path,)
    return found.st_mode, found.st_size, found.st_mtime_ns


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.happen.__name__)
def test_each_event_has_its_verdict_with_the_reason_and_a_remedy(
    event: Event, world: World
) -> None:
    event.happen(world)
    thorough = world.report("--files")
    assert thorough["verdict"] == event.thorough.word, thorough
    worst = [
        each["text"] for each in thorough["findings"] if each["verdict"] == event.thorough.word
    ]
    assert bool(worst) == bool(event.said)
    assert not worst or re.search(event.said, "\n".join(worst))
    assert bool(thorough["remedy"]) == (event.thorough is not Verdict.INTACT)
    # a look of a second by the install's own command, even if it can only say that it does not start
    own = world.verify()
    assert own.returncode == event.quick, own.stderr
    quick = own.stdout.partition(":")[0] or world.report()["verdict"]
    assert quick == event.quick.word, own.stdout
    assert "Traceback" not in own.stderr
    assert ("fix:" in own.stdout + own.stderr) == (event.quick is not Verdict.INTACT)


def test_the_table_of_the_documentation_is_what_was_replayed() -> None:
    section = DOCUMENT.read_text().split("## What was replayed")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (\w+) \| (\w+) \|$", section, re.MULTILINE)
    replayed = [(each.name, each.quick.word, each.thorough.word) for each in EVENTS]
    assert rows == replayed


def test_a_command_whose_python_is_gone_names_it_and_what_to_do(world: World) -> None:
    drift_events.base_gone(world)
    done = world.verify("--json")
    assert (done.returncode, done.stdout) == (12, "")
    assert f"the base of this install is gone: there is no {world.base}; it was" in done.stderr
    assert done.stderr.count("\n") == 5
    assert f'"{world.root}/bin/polaris-parsl" rebase --base locked' in done.stderr
    assert f'polaris-parsl doctor --root "{world.root}"' in done.stderr


def test_a_command_whose_python_has_another_minor_says_which(world: World) -> None:
    drift_events.other_minor_under_the_same_name(world)
    done = world.verify()
    assert done.returncode == 12
    assert re.search(r"is Python 3\.1\d; it was built on CPython 3\.1\d\.", done.stderr)


def test_a_changed_tool_is_found_by_a_look_at_every_file_only(world: World) -> None:
    path = next((world.root / "tools").rglob("typer/main.py"))
    text = path.read_bytes()
    path.write_bytes(text + b"\n")
    try:
        assert world.report()["verdict"] == "intact"
        assert world.report("--files")["verdict"] == "broken"
    finally:
        path.write_bytes(text)
    assert world.report("--files")["verdict"] == "intact"


def test_verify_makes_few_path_calls_on_a_base_of_500_distributions(
    world: World, tmp_path: Path
) -> None:
    traces.need()
    command, trace = (world.root / "bin/polaris-parsl", "verify"), tmp_path / "trace"
    before = traces.calls(*command, env=world.env, trace=trace)
    for number in range(500):
        builder.add_distribution(world.packages, f"more-{number}", "1.0")
    after = traces.calls(*command, env=world.env, trace=trace, code=int(Verdict.COSMETIC))
    assert 0 < before <= after <= 20 * 500
    assert (after - before) / 500 < 1


def test_the_worst_finding_decides_and_comes_first(world: World) -> None:
    drift_events.package_added(world)
    drift_events.rebuilt(world)
    done = world.verify()
    assert done.returncode == 11
    lines = done.stdout.splitlines()
    assert lines[0] == f"relevant: polaris-parsl {world.root.name} in {world.root}"
    assert [line.split(":")[0].strip() for line in lines[1:3]] == ["relevant", "cosmetic"]
    assert lines[-1].startswith("  fix: rehearse your workflow (`polaris-parsl sandbox`)")
    assert f"scripts/install.sh --prefix {world.prefix}" in lines[-1]


def test_a_copy_elsewhere_is_intact_but_for_its_module(world: World, tmp_path: Path) -> None:
    moved = tmp_path / "moved" / world.root.name
    shutil.copytree(world.root, moved, symlinks=True)
    done = builder.run(moved / "bin/polaris-parsl", "verify", env=world.env)
    assert done.returncode == 0, done.stdout
    assert f"not checked: the module: it is for {world.prefix}, and this is a copy" in done.stdout


def test_an_install_is_known_by_every_path_that_leads_to_it(world: World, tmp_path: Path) -> None:
    (tmp_path / "eagle").symlink_to(world.prefix.parent)
    root = tmp_path / "eagle" / world.prefix.name / "versions" / world.root.name
    done = builder.run(root / "bin/polaris-parsl", "verify", "--root", root, env=world.env)
    assert done.returncode == 0, done.stdout
    assert "not checked: the module" not in done.stdout
    drift_events.compiler_gone(world)
    done = builder.run(root / "bin/polaris-parsl", "verify", env=world.env)
    assert done.returncode == 12


def test_without_lmod_the_module_is_said_to_be_unchecked(world: World) -> None:
    drift_events.compiler_gone(world)
    done = world.verify(LMOD_CMD="")
    assert done.returncode == 0
    assert "not checked: the module: there is no module system" in done.stdout


def test_the_loaded_module_names_the_install_where_the_command_has_none(world: World) -> None:
    command = [sys.executable, "-m", "polaris_parsl", "verify"]
    done = builder.run(*command, env={**world.env, "POLARIS_PARSL_ROOT": str(world.root)})
    assert done.stdout.startswith(f"intact: polaris-parsl {world.root.name} in {world.root}\n")
    done = builder.run(*command, env=world.env)
    assert done.returncode == 6
    assert "name an install: --root PREFIX/versions/VERSION" in done.stderr
    done = builder.run(*command, "--root", "/does/not/exist", env=world.env)
    assert done.returncode == 6
    assert "/does/not/exist is not a directory" in done.stderr


@pytest.mark.parametrize(
    ("variable", "place"),
    [
        ("PYTHONPATH", "."),
        ("PYTHONUSERBASE", f"lib/python3.{sys.version_info.minor}/site-packages"),
    ],
)
def test_packages_of_the_user_that_come_first_are_relevant(
    variable: str, place: str, world: World, tmp_path: Path
) -> None:
    # the first is the overlay's, before which only PYTHONPATH comes
    builder.add_distribution(tmp_path / "mine" / place, "typeguard", "2.13.3")
    builder.add_distribution(tmp_path / "mine" / place, "filelock", "1.0")
    builder.add_distribution(tmp_path / "mine" / place, "harmless", "1.0")
    report = world.report(**{variable: str(tmp_path / "mine")})
    assert report["verdict"] == "relevant"
    (finding,) = report["findings"]
    names = "filelock, typeguard" if variable == "PYTHONPATH" else "filelock"
    assert f"holds {names}, which come before" in finding["text"]
    assert "PYTHON" in report["remedy"]
    ignored = world.report(PYTHONNOUSERSITE="1", **{variable: str(tmp_path / "mine")})
    assert ignored["verdict"] == ("relevant" if variable == "PYTHONPATH" else "intact")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": 1}, "has format 1; this polaris-parsl reads format 2"),
        ({"base": None}, "is damaged"),
        ({"files": []}, "is damaged"),
        ({"overlay": [{}]}, "is damaged: KeyError: 'name'"),
    ],
)
def test_a_receipt_that_says_too_little_is_named(
    change: Mapping[str, Any], complaint: str, world: World
) -> None:
    path = world.root / "receipt.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    report = world.report()
    assert (report["verdict"], report["exit_code"]) == ("broken", 12)
    assert complaint in report["findings"][0]["text"]
