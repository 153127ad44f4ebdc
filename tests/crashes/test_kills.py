"""What a kill at any point of a change leaves: users have the old or the new, and the next command goes on."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import builder
import kills
from polaris_parsl.env.prefix.cleanup import find_removable
from polaris_parsl.env.prefix.lifecycle import set_default
from polaris_parsl.env.prefix.publish_modulefiles import publish_modulefiles
from polaris_parsl.env.prefix.releases import find_releases
from polaris_parsl.env.prefix.repair import repair
from polaris_parsl.env.prefix.state import read_state
from polaris_parsl.errors import PrefixError, VersionError

DOCUMENT = builder.REPOSITORY / "docs/crashes.md"

# What Lmod and the modulefiles look at, in any prefix.
Visible = tuple[tuple[str, str], ...]

# One shell loads all: for each line "PREFIX<tab>MODULE" it prints what the loaded command prints,
# and whether a notice was shown.
_LOAD = """
source {lmod}
while IFS=$'\\t' read -r prefix module; do
  (
    export MODULEPATH=$prefix/modulefiles
    module load "$module" >/dev/null 2>{notes}
    [[ $(<{notes}) == *"is deprecated"* ]] && notice=" deprecated"
    printf '%s\\n' "$(polaris-parsl 2>/dev/null)${{notice-}}"
  )
done
"""


def load_all(lmod: Path, wanted: list[tuple[Path, str]]) -> list[str]:
    """Load modules, each in a fresh shell; which version each gives, "" where it gives none."""
    notes = shlex.quote(str(wanted[0][0].parent / "notes"))
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", _LOAD.format(lmod=lmod, notes=notes)],
        input="".join(f"{prefix}\t{module}\n" for prefix, module in wanted),
        env={"PATH": "/usr/bin:/bin", "HOME": "/nowhere", "LMOD_IGNORE_CACHE": "yes"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@dataclass(frozen=True)
class Killed:
    """A change that ends before any of its operations, and what users then have.

    Attributes:
        name: of the change.
        operations: before which it ends.
        copies: the prefix as each end leaves it, and as the whole run did; the same copy again
            where an operation alters nothing.
        names: the versions that there are before or after.
        defaults: which version a load without a version gives, for each copy; "" for none.
        named: what a load of each version by its name gives, for each copy.
    """

    name: str
    operations: list[str]
    copies: list[Path]
    names: list[str]
    defaults: list[str]
    named: list[tuple[str, ...]]


def _look(folder: Path, lmod: Path) -> dict[str, Killed]:
    """Load the module of every copy of a prefix, and every version by its name; of equal copies, one."""
    states: dict[str, list[Visible]] = {}
    names: dict[str, list[str]] = {}
    wanted: dict[tuple[Visible, str], tuple[Path, str]] = {}
    for change in kills.CHANGES:
        copies = _copies(folder / change)
        ends = (copies[0], copies[-1])
        found = {path.stem for end in ends for path in end.glob("modulefiles/*/[!.]*")}
        names[change], states[change] = sorted(found), [_visible(prefix) for prefix in copies]
        for state, prefix in zip(states[change], copies, strict=True):
            for module in _modules(names[change]):
                wanted[state, module] = prefix, module
    answers = dict(zip(wanted, load_all(lmod, list(wanted.values())), strict=True))
    all_killed = {}
    for change, known in names.items():
        default, *by_name = _modules(known)
        all_killed[change] = Killed(
            change,
            _recorded(folder / change)["operations"],
            _copies(folder / change),
            known,
            [answers[state, default] for state in states[change]],
            [tuple(answers[state, each] for each in by_name) for state in states[change]],
        )
    return all_killed


def _copies(folder: Path) -> list[Path]:
    """The copies of a prefix, in the order of the operations."""
    return [folder / str(each) for each in (*_recorded(folder)["copies"], "end")]


def _recorded(folder: Path) -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads((folder / kills.OPERATIONS).read_text())
    return recorded


def _modules(names: list[str]) -> list[str]:
    """What is loaded: without a version, and each version by its name."""
    return ["polaris-parsl", *(f"polaris-parsl/{each}" for each in names)]


def _visible(prefix: Path) -> Visible:
    """What Lmod and the modulefiles look at: modulefiles, and the versions that are there."""
    texts = [
        (_name(path, prefix), path.read_text().replace(str(prefix), "PREFIX"))
        for path in sorted(prefix.glob("modulefiles/*/*"))
    ]
    return (*texts, *(("version", path.name) for path in sorted(prefix.glob("versions/[!.]*"))))


def _name(path: Path, prefix: Path) -> str:
    """The name of a file below a prefix, whichever process staged it."""
    return re.sub(r"@[^/]*", "@", str(path.relative_to(prefix)))


def _tree(prefix: Path, folder: Path) -> dict[str, tuple[int, str]]:
    """Modes and contents of all that is below a prefix, whichever of a folder that is, and whenever."""
    differs = re.compile(re.escape(str(folder)) + r"(/killed-\d+)?/\w+|[\d-]+T[\d:]+\+00:00")
    return {
        _name(path, prefix): (
            path.lstat().st_mode,
            differs.sub("", path.read_text()) if path.is_file() else "",
        )
        for path in prefix.rglob("*")
    }


@pytest.fixture(scope="module")
def all_killed(tmp_path_factory: pytest.TempPathFactory, lmod: Path) -> dict[str, Killed]:
    """Every change, ended at every operation; all loads are done before anything else."""
    folder = tmp_path_factory.mktemp("kills")
    _run_kills(folder)
    return _look(folder, lmod)


def _run_kills(*words: object) -> None:
    program = [sys.executable, Path(kills.__file__), *map(str, words)]
    done = builder.run(*program, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr


@pytest.fixture(params=kills.CHANGES)
def killed(request: pytest.FixtureRequest, all_killed: dict[str, Killed]) -> Killed:
    return all_killed[request.param]


@pytest.mark.parametrize("step", [10, pytest.param(1, marks=pytest.mark.long)])
def test_a_copy_before_an_operation_is_what_a_kill_there_leaves(
    all_killed: dict[str, Killed], step: int
) -> None:
    place = next(iter(all_killed.values())).copies[0].parents[1]
    _run_kills(place, step)
    for name, killed in all_killed.items():
        folder = place / name
        left = {int(path.name): path for path in (folder / f"killed-{step}").iterdir()}
        assert list(range(1, len(killed.operations) + 1, step)) == sorted(left)
        for number, prefix in left.items():
            copied = _tree(killed.copies[number - 1], folder)
            assert _tree(prefix, folder) == copied, (name, number)


def test_a_load_gives_the_old_or_the_new_after_each_kill(killed: Killed) -> None:
    assert len(killed.operations) >= 20
    old, new = killed.defaults[0], killed.defaults[-1]
    assert set(killed.defaults) <= {old, new}
    # once new, it stays new
    assert killed.defaults == sorted(killed.defaults, key=lambda each: each == new)


def test_a_load_by_name_gives_the_old_or_the_new_after_each_kill(killed: Killed) -> None:
    ends = list(zip(killed.names, killed.named[0], killed.named[-1], strict=True))
    assert any(name in {before, after} for name, before, after in ends)
    for loaded in killed.named:
        for answer, (_, before, after) in zip(loaded, ends, strict=True):
            assert answer in {before, after}


def test_what_loads_is_complete_after_each_kill(killed: Killed) -> None:
    assert {*killed.defaults} - {""}
    for prefix, default, named in zip(killed.copies, killed.defaults, killed.named, strict=True):
        for version in {each.partition(" ")[0] for each in (default, *named)} - {""}:
            root = prefix / "versions" / version
            assert kills.is_complete(root), (prefix, version)


def test_no_leftover_is_seen_as_a_version(killed: Killed) -> None:
    for prefix in set(killed.copies):
        present = find_releases(prefix, read_state(prefix))
        assert {each.name for each in present} <= {*killed.names, kills.NEW, kills.NEW_CANDIDATE}


def test_repair_and_the_same_command_go_on_after_each_kill(
    killed: Killed, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills.alone(monkeypatch.setattr)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    done = _visible(killed.copies[-1])
    for prefix in {*killed.copies} - {killed.copies[-1]}:
        if not prefix.exists():
            continue
        repair(prefix, dry_run=False)
        assert list(find_removable(prefix)) == []
        assert publish_modulefiles(prefix) == []
        for release in find_releases(prefix, read_state(prefix)):
            assert kills.is_complete(release.root)
        _again(killed, prefix)
        assert _visible(prefix) == done


def _again(killed: Killed, prefix: Path) -> None:
    """Give the command again; where it is refused as done already, what it left to decide."""
    _, change = kills.CHANGES[killed.name]
    refusals = {"install": "exists already", "rollback": "no earlier decision"}
    try:
        change(prefix)
    except (PrefixError, VersionError) as refusal:
        expected = refusals[killed.name.partition(",")[0]]
        if expected not in refusal.problem:
            raise
        if killed.defaults[-1] != read_state(prefix).default:
            set_default(prefix, killed.defaults[-1], dry_run=False)


def test_the_documentation_shows_these_steps_and_outcomes(all_killed: dict[str, Killed]) -> None:
    rows = [row for killed in all_killed.values() for row in table(killed)]
    number = sum(len(killed.operations) for killed in all_killed.values())
    assert f": {number} places." in DOCUMENT.read_text()
    text = "\n".join(rows)
    assert text in DOCUMENT.read_text(), f"{DOCUMENT} does not hold:\n{text}"


def table(killed: Killed) -> Iterator[str]:
    """Rows of the table: killed at which steps, and what users have who load after that."""
    ends = [(each[0], each[-1]) for each in (killed.defaults, killed.named)]
    found: list[tuple[list[str], list[str]]] = []
    for step, *loaded in zip(_steps(killed), killed.defaults, killed.named, strict=True):
        outcomes = [_outcome(each, *end) for each, end in zip(loaded, ends, strict=True)]
        if not found or found[-1][1] != outcomes:
            found.append(([], outcomes))
        if step not in found[-1][0]:
            found[-1][0].append(step)
    for steps, outcomes in found:
        yield f"| {killed.name} | {', '.join(steps)} | {' | '.join(outcomes)} |"


def _outcome(loaded: object, old: object, new: object) -> str:
    if old == new:
        return "the same"
    return {str(old): "old", str(new): "new"}.get(str(loaded), "some old, some new")


def _steps(killed: Killed) -> Iterator[str]:
    """Descriptions of what each operation belongs to; at the end, that nothing is left to do."""
    step = "directories"
    for operation in killed.operations:
        path = operation.split(" ")[-1].rstrip("@")
        step = next((words for start, words in _STEPS if re.match(start, path)), step)
        yield step
    yield "done"


_STEPS = (
    (r"versions/\.staging-", "staged tree"),
    (r"versions/\.removed-", "removed tree"),
    (r"bases/\.staging-.*\.claim", "claim"),
    (r"bases/\.staging-", "staged base"),
    (r"bases/\.removed-", "removed base"),
    (r"bases/\w", "base into place"),
    (r"versions/\d", "rename into place"),
    (r"state", "generation"),
    (r"modulefiles/.*modulerc", "default of Lmod"),
    (r"modulefiles/.*\d", "modulefiles of Lmod"),
    (r"modulefiles-tcl/.*modulerc", "default of Tcl"),
    (r"modulefiles-tcl/.*\d", "modulefiles of Tcl"),
)
