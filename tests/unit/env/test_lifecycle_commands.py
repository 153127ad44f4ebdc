"""What the verbs of the life cycle print, and how they end."""

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import builder
import kills
from polaris_parsl.cli.main import app
from polaris_parsl.env.prefix.publish_modulefiles import publish_modulefiles
from polaris_parsl.env.prefix.state import commit
from polaris_parsl.errors import PolarisParslError, VersionError

Call = Callable[..., Result]


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    place = tmp_path / "my prefix"
    kills.filled(place)
    return place


@pytest.fixture
def call(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """A verb on the prefix."""
    kills.alone(monkeypatch.setattr)
    monkeypatch.setenv("PATH", "/nowhere")

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(app, [*words, "--prefix", str(prefix)])

    return invoke


def test_list_shows_what_users_and_maintainers_ask_for(call: Call) -> None:
    call("deprecate", kills.OLD, "--until", "2999-12-31", "--because", "a newer Parsl")
    head, *rows = call("list").stdout.splitlines()
    assert head.split("  ")[0] == "version"
    assert [row.split()[0] for row in rows[:3]] == [kills.CANDIDATE, kills.USUAL, kills.OLD]
    assert "hidden: a pre-release" in rows[0]
    assert rows[1].split()[1] == "default"
    assert rows[1].endswith("ok")
    assert rows[2].endswith("deprecated until 2999-12-31: a newer Parsl")
    assert all("CPython 3.12.11 of" in row and " 0 MB " in row for row in rows[:3])
    assert rows[3].startswith(f"last change: deprecate {kills.OLD}, by ")


def test_list_gives_the_same_to_programs(call: Call, prefix: Path) -> None:
    listing = json.loads(call("list", "--json").stdout)
    assert listing["prefix"] == str(prefix)
    assert listing["generation"] == 3
    by_name = {each["version"]: each for each in listing["versions"]}
    assert by_name[kills.USUAL]["is_default"]
    assert by_name[kills.USUAL]["size_bytes"] > 0
    assert by_name[kills.CANDIDATE]["state"] == ["hidden: a pre-release"]


def test_list_names_the_default_that_users_get_also_where_none_was_chosen(
    call: Call, prefix: Path
) -> None:
    # as after an install that was killed before it decided
    commit(prefix, "none", lambda state: replace(state, default=None))
    publish_modulefiles(prefix)
    modulerc = (prefix / "modulefiles/polaris-parsl/.modulerc.lua").read_text()
    assert f'module_version("polaris-parsl/{kills.USUAL}", "default")' in modulerc
    listing = json.loads(call("list", "--json").stdout)
    assert [each["version"] for each in listing["versions"] if each["is_default"]] == [kills.USUAL]


def test_list_reads_no_list_of_files(call: Call, prefix: Path) -> None:
    short = prefix / "versions" / kills.OLD / "receipt.json"
    data = json.loads(short.read_text())
    long = {f"overlay/lib/file-{number}.py": "0" * 64 for number in range(20_000)}
    for number in range(50):
        copy = prefix / "versions" / f"2020.{number + 1}" / "receipt.json"
        copy.parent.mkdir(mode=0o755)
        said = {**data, "version": copy.parent.name, "links": data["links"], "files": long}
        copy.write_text(json.dumps(said, indent=1) + "\n")
    call("list")  # imports what it needs
    before = read_bytes()
    rows = call("list").stdout.splitlines()
    assert sum(row.endswith("ok") and " 0 MB " in row for row in rows) >= 50
    assert read_bytes() - before < 53 * 100_000 < 50 * copy.stat().st_size / 10
    # what was cut off is noticed all the same
    copy.write_text(copy.read_text()[:-100])
    assert f"{copy} is damaged" in call("list").stdout


def read_bytes() -> int:
    """The bytes that this process has read so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar"))


def test_list_names_damaged_versions_and_lost_bases(call: Call, prefix: Path) -> None:
    receipt = prefix / "versions" / kills.OLD / "receipt.json"
    receipt.chmod(0o644)
    receipt.write_text("{")
    other = prefix / "versions" / kills.USUAL / "receipt.json"
    data = json.loads(other.read_text())
    data["base"]["executable"] = "/gone/bin/python"
    other.chmod(0o644)
    other.write_text(json.dumps(data))
    states = {row.split()[0]: row for row in call("list").stdout.splitlines()[1:4]}
    assert "damaged: " in states[kills.OLD]
    assert states[kills.USUAL].endswith("its base is gone")


def test_a_change_says_what_it_changed_and_the_next_command(call: Call, prefix: Path) -> None:
    done = call("default", kills.OLD)
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        f"changed in {prefix}:",
        f"  default: {kills.USUAL} -> {kills.OLD}",
        "  written: modulefiles/polaris-parsl/.modulerc.lua",
        "  written: modulefiles-tcl/polaris-parsl/.modulerc",
        f"next: polaris-parsl list --prefix '{prefix}'",
    ]
    assert call("default", kills.OLD).stdout.startswith("nothing to change in ")


def test_default_without_a_version_prints_the_one_that_users_get(call: Call, prefix: Path) -> None:
    before = builder.tree(prefix)
    done = call("default")
    assert (done.exit_code, done.stdout) == (0, f"{kills.USUAL}\n")
    assert builder.tree(prefix) == before


def test_the_next_command_is_one_that_is_still_there(
    call: Call, prefix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path / "removed/tools"))
    done = call("remove", kills.OLD)
    command = shlex.quote(str(prefix / "versions" / kills.CANDIDATE / "bin/polaris-parsl"))
    assert done.stdout.splitlines()[-1] == f"next: {command} list --prefix '{prefix}'"
    assert "next:" not in call("remove", "--all").stdout


@pytest.mark.parametrize(
    "words",
    [
        ("default", kills.OLD),
        ("rollback",),
        ("deprecate", kills.OLD, "--until", "2999-12-31", "--because", "old"),
        ("remove", kills.OLD),
        ("remove", "--all"),
        ("repair",),
    ],
)
def test_a_dry_run_writes_nothing(call: Call, prefix: Path, words: tuple[str, ...]) -> None:
    before = builder.tree(prefix)
    done = call(*words, "--dry-run")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("would change in ")
    assert done.stdout.endswith("next: the same command without --dry-run\n")
    assert builder.tree(prefix) == before


@pytest.mark.parametrize(
    "words",
    [
        ("remove",),
        ("remove", kills.OLD, "--all"),
        ("deprecate", kills.OLD),
        ("deprecate", kills.OLD, "--until", "2999-12-31"),
        ("deprecate", kills.OLD, "--undo", "--because", "x"),
        ("deprecate", kills.OLD, "--until", "tomorrow", "--because", "x"),
    ],
)
def test_a_command_line_that_says_too_little_or_too_much_is_refused(
    call: Call, prefix: Path, words: tuple[str, ...]
) -> None:
    before = builder.tree(prefix)
    assert call(*words).exit_code == 2
    assert builder.tree(prefix) == before


def test_what_is_refused_has_an_exit_code_of_its_own(call: Call) -> None:
    done = call("remove", kills.USUAL)
    assert isinstance(done.exception, VersionError)
    assert done.exception.exit_code == 15


def test_a_prefix_that_is_not_there_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["repair", "--prefix", str(tmp_path / "gone")])
    assert isinstance(done.exception, PolarisParslError)
    assert "is not a directory" in done.exception.problem


def test_removing_all_of_a_directory_that_is_no_prefix_touches_nothing(tmp_path: Path) -> None:
    for name in ("state/00000001.txt", "state/x.json", "modulefiles/polaris-parsl/x.lua"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    (tmp_path / "versions").mkdir()
    before = builder.tree(tmp_path)
    done = CliRunner().invoke(app, ["remove", "--all", "--prefix", str(tmp_path)])
    assert done.exit_code == 0
    assert done.stdout.startswith("nothing to change")
    assert builder.tree(tmp_path) == before
