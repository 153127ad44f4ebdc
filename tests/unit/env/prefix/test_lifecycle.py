"""What each change decides, and what users then see of small versions."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import builder
import kills
from polaris_parsl.env.prefix import removal, usage
from polaris_parsl.env.prefix.lifecycle import deprecate, publish, roll_back, set_default
from polaris_parsl.env.prefix.publish import staging
from polaris_parsl.env.prefix.releases import find_releases
from polaris_parsl.env.prefix.repair import repair
from polaris_parsl.env.prefix.staging import staging_name
from polaris_parsl.env.prefix.state import Deprecation, history, read_state
from polaris_parsl.errors import PrefixError, VersionError
from polaris_parsl.version import VERSION

OLD, MIDDLE, CANDIDATE, MEP = "2026.9.0", "2026.10.0", "2026.11.0rc1", "2026.10.0-mep"
TODAY = date(2026, 11, 24)
NOTICE = Deprecation(date(2027, 3, 31), "a newer Parsl")
QUIET: dict[str, Any] = {"force": False, "dry_run": False, "env": {"PATH": "/nowhere"}}


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """A prefix with two usual versions, a pre-release and one of another track."""
    place = tmp_path / "my prefix"
    for name in (OLD, MIDDLE, CANDIDATE, MEP):
        kills.install(place, name)
    return place


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes of this machine are another test's matter."""
    kills.alone(monkeypatch.setattr)


def modulerc(prefix: Path) -> str:
    return (prefix / "modulefiles/polaris-parsl/.modulerc.lua").read_text()


def default_of(prefix: Path) -> list[str]:
    """The defaults of both module trees."""
    tcl = (prefix / "modulefiles-tcl/polaris-parsl/.modulerc").read_text()
    found = re.findall(r'"polaris-parsl/(\S+)", "default"', modulerc(prefix))
    return [*found, *re.findall(r'polaris-parsl/(\S+)" default', tcl)]


def modules(prefix: Path) -> set[str]:
    """Names of the modules of both trees."""
    lua = {path.stem for path in (prefix / "modulefiles/polaris-parsl").glob("[!.]*")}
    assert lua == {path.name for path in (prefix / "modulefiles-tcl/polaris-parsl").glob("[!.]*")}
    return lua


def test_the_newest_usual_version_becomes_the_default_by_itself(prefix: Path) -> None:
    assert read_state(prefix).default == MIDDLE
    assert default_of(prefix) == [MIDDLE, MIDDLE]
    assert modules(prefix) == {OLD, MIDDLE, CANDIDATE, MEP}


def test_an_older_version_does_not_take_the_default(prefix: Path) -> None:
    kills.install(prefix, "2026.8.0")
    assert read_state(prefix).default == MIDDLE


def test_a_pre_release_is_hidden_unless_it_is_chosen(prefix: Path) -> None:
    assert f'hide_version("polaris-parsl/{CANDIDATE}")' in modulerc(prefix)
    set_default(prefix, CANDIDATE, dry_run=False)
    assert "hide_version" not in modulerc(prefix)
    assert default_of(prefix) == [CANDIDATE, CANDIDATE]


def test_versions_are_listed_newest_first(prefix: Path) -> None:
    (prefix / "versions" / "2026.10.0.bak").mkdir()
    (prefix / "versions" / "notes").mkdir()
    found = [each.name for each in find_releases(prefix, read_state(prefix))]
    assert found == [CANDIDATE, MIDDLE, MEP, OLD]


def test_another_track_is_never_the_default(prefix: Path) -> None:
    with pytest.raises(VersionError, match=f"track mep.*\n.*module load polaris-parsl/{MEP}"):
        set_default(prefix, MEP, dry_run=False)


def test_a_version_that_is_not_there_is_refused_with_those_that_are(prefix: Path) -> None:
    before = builder.tree(prefix)
    calls: list[Any] = [
        lambda: set_default(prefix, "2026.10", dry_run=False),
        lambda: deprecate(prefix, "2026.10", NOTICE, today=TODAY, dry_run=False),
        lambda: removal.remove(prefix, "2026.10", **QUIET),
    ]
    for call in calls:
        with pytest.raises(VersionError, match=rf"no version 2026\.10; it holds: .*{OLD}"):
            call()
    assert builder.tree(prefix) == before


def test_a_dry_run_tells_what_the_run_then_does_and_writes_nothing(prefix: Path) -> None:
    before = builder.tree(prefix)
    calls: list[Any] = [
        lambda dry: set_default(prefix, OLD, dry_run=dry),
        lambda dry: deprecate(prefix, MIDDLE, NOTICE, today=TODAY, dry_run=dry),
        lambda dry: roll_back(prefix, dry_run=dry),
        lambda dry: removal.remove(prefix, MEP, **{**QUIET, "dry_run": dry}),
    ]
    for call in calls:
        change = call(True)
        assert builder.tree(prefix) == before
        assert set(change.done) <= set(call(False).done)
        before = builder.tree(prefix)
        assert change.done


def test_each_change_done_again_changes_nothing(prefix: Path) -> None:
    set_default(prefix, OLD, dry_run=False)
    deprecate(prefix, MIDDLE, NOTICE, today=TODAY, dry_run=False)
    removal.remove(prefix, MEP, **QUIET)
    before = builder.tree(prefix)
    assert set_default(prefix, OLD, dry_run=False).done == ()
    assert deprecate(prefix, MIDDLE, NOTICE, today=TODAY, dry_run=False).done == ()
    assert removal.remove(prefix, MEP, **QUIET).done == ()
    assert repair(prefix, dry_run=False).done == ()
    assert builder.tree(prefix) == before


def test_rollback_goes_back_one_decision_each_time(prefix: Path) -> None:
    set_default(prefix, CANDIDATE, dry_run=False)
    deprecate(prefix, OLD, NOTICE, today=TODAY, dry_run=False)
    roll_back(prefix, dry_run=False)
    assert (read_state(prefix).default, read_state(prefix).deprecated) == (CANDIDATE, {})
    roll_back(prefix, dry_run=False)
    assert read_state(prefix).default == MIDDLE
    roll_back(prefix, dry_run=False)
    assert read_state(prefix).default == OLD
    assert default_of(prefix) == [OLD, OLD]
    with pytest.raises(VersionError, match="no earlier decision"):
        roll_back(prefix, dry_run=False)
    assert len(list(history(prefix))) == read_state(prefix).generation


def test_rollback_does_not_go_back_to_no_default(tmp_path: Path) -> None:
    kills.install(tmp_path, OLD)
    with pytest.raises(VersionError, match="no earlier decision"):
        roll_back(tmp_path, dry_run=False)
    assert default_of(tmp_path) == [OLD, OLD]


def test_rollback_does_not_deprecate_another_build_of_a_removed_version(prefix: Path) -> None:
    set_default(prefix, CANDIDATE, dry_run=False)
    deprecate(prefix, OLD, NOTICE, today=TODAY, dry_run=False)
    removal.remove(prefix, OLD, **QUIET)
    kills.install(prefix, OLD)
    change = roll_back(prefix, dry_run=False)
    assert change.done[0] == f"default: {CANDIDATE} -> {MIDDLE}"
    assert read_state(prefix).deprecated == {}


def test_rollback_after_a_change_starts_from_that_change(prefix: Path) -> None:
    roll_back(prefix, dry_run=False)
    set_default(prefix, CANDIDATE, dry_run=False)
    roll_back(prefix, dry_run=False)
    assert read_state(prefix).default == OLD


def test_an_install_between_two_rollbacks_does_not_turn_them_round(prefix: Path) -> None:
    set_default(prefix, CANDIDATE, dry_run=False)
    roll_back(prefix, dry_run=False)
    kills.install(prefix, "2026.8.0")
    removal.remove(prefix, MEP, **QUIET)
    assert read_state(prefix).default == MIDDLE
    roll_back(prefix, dry_run=False)
    assert read_state(prefix).default == OLD


def test_a_version_that_becomes_the_default_meanwhile_is_not_removed(
    prefix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faster(*_: object, **__: object) -> usage.Usage:
        set_default(prefix, OLD, dry_run=False)
        return usage.Usage((), (), ())

    monkeypatch.setattr(removal, "find_usage", faster)
    with pytest.raises(VersionError, match=f"{OLD} is the default"):
        removal.remove(prefix, OLD, **QUIET)
    assert OLD in modules(prefix)


def test_the_next_change_cleans_what_a_dead_install_left(prefix: Path) -> None:
    dead = staging_name("2026.8.0").rpartition(".")[0] + ".1"
    builder.small_release(prefix, "2026.8.0", folder=prefix / "versions" / dead)
    assert f"deleted: versions/{dead}" in set_default(prefix, OLD, dry_run=False).done
    assert not (prefix / "versions" / dead).exists()


def test_rollback_does_not_bring_a_removed_version_back(prefix: Path) -> None:
    removal.remove(prefix, OLD, **QUIET)
    with pytest.raises(VersionError, match=f"the last change was {OLD}, which was removed"):
        roll_back(prefix, dry_run=False)


def test_a_deprecation_is_shown_by_the_module_with_what_to_load(prefix: Path) -> None:
    deprecate(prefix, OLD, NOTICE, today=TODAY, dry_run=False)
    sentence = f"{OLD} is deprecated: a newer Parsl. It stays until 2027-03-31"
    lua = (prefix / f"modulefiles/polaris-parsl/{OLD}.lua").read_text()
    assert f"{sentence}; load polaris-parsl/{MIDDLE}" in lua
    assert sentence in (prefix / f"modulefiles-tcl/polaris-parsl/{OLD}").read_text()
    deprecate(prefix, OLD, None, today=TODAY, dry_run=False)
    assert "deprecated" not in (prefix / f"modulefiles/polaris-parsl/{OLD}.lua").read_text()


@pytest.mark.parametrize(
    ("notice", "message"),
    [
        (Deprecation(date(2026, 11, 23), "old"), "2026-11-23 is past: today is 2026-11-24"),
        (Deprecation(date(2027, 1, 1), " "), "is empty or not one line of printable text"),
        (Deprecation(date(2027, 1, 1), "a\nb"), "is empty or not one line of printable text"),
    ],
)
def test_a_notice_that_users_could_not_follow_is_refused(
    prefix: Path, notice: Deprecation, message: str
) -> None:
    with pytest.raises(VersionError, match=message):
        deprecate(prefix, OLD, notice, today=TODAY, dry_run=False)


def test_the_modulefile_of_a_later_version_is_left_to_its_own_command(prefix: Path) -> None:
    later = "2999.1.0"
    kills.install(prefix, later)
    assert later not in modules(prefix)
    path = prefix / f"modulefiles/polaris-parsl/{later}.lua"
    path.write_text(f"-- made by polaris-parsl {later}\n")
    set_default(prefix, OLD, dry_run=False)
    assert path.read_text() == f"-- made by polaris-parsl {later}\n"
    with pytest.raises(VersionError, match=f"{later} is newer than this polaris-parsl"):
        deprecate(prefix, later, NOTICE, today=TODAY, dry_run=False)
    assert later > VERSION


def test_the_default_is_not_removed_while_there_are_others(prefix: Path) -> None:
    before = builder.tree(prefix)
    with pytest.raises(VersionError, match=f"polaris-parsl default {OLD} --prefix '"):
        removal.remove(prefix, MIDDLE, **QUIET)
    assert builder.tree(prefix) == before


def test_a_removed_version_leaves_nothing_and_can_be_installed_again(prefix: Path) -> None:
    before = builder.tree(prefix / "versions")
    removal.remove(prefix, OLD, **QUIET)
    assert OLD not in modules(prefix)
    assert {path.name for path in (prefix / "versions").iterdir()} == {MIDDLE, CANDIDATE, MEP}
    kills.install(prefix, OLD)
    assert OLD in modules(prefix)
    assert builder.tree(prefix / "versions") == before


def test_the_last_version_is_removed_only_by_force_and_names_no_command_of_it(
    tmp_path: Path,
) -> None:
    kills.install(tmp_path, OLD)
    with pytest.raises(VersionError, match="its only version") as caught:
        removal.remove(tmp_path, OLD, **QUIET)
    assert f"polaris-parsl remove {OLD} --force --prefix {tmp_path}" in caught.value.remedy
    assert modules(tmp_path) == {OLD}
    assert removal.remove(tmp_path, OLD, **{**QUIET, "force": True}).next == ()
    assert modules(tmp_path) == set()
    assert read_state(tmp_path).default is None
    kills.install(tmp_path, OLD)
    assert default_of(tmp_path) == [OLD, OLD]


def test_removing_all_leaves_what_users_put_there_and_nothing_else(prefix: Path) -> None:
    mine = ("defaults.toml", "data/x", "modulefiles/polaris-parsl/mine.lua", "versions/notes")
    for name in mine:
        (prefix / name).parent.mkdir(parents=True, exist_ok=True)
        (prefix / name).write_text("mine\n")
    removal.remove_all(prefix, **QUIET)
    left = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()}
    assert left == set(mine)
    assert not (prefix / "modulefiles-tcl").exists()
    assert not (prefix / "state").exists()


def test_removing_all_of_a_prefix_of_ours_removes_the_prefix(prefix: Path) -> None:
    (prefix / "queues.json").write_text("{}\n")
    removal.remove_all(prefix, **QUIET)
    assert not prefix.exists()


def test_a_version_that_is_taken_is_not_published_over(prefix: Path) -> None:
    before = builder.tree(prefix / "versions" / OLD)
    kept = (prefix / "versions" / OLD).rename(prefix / "versions/.kept")
    with staging(prefix, OLD, group=None) as folder:
        builder.small_release(prefix, OLD, folder=folder)
        kept.rename(prefix / "versions" / OLD)
        with pytest.raises(PrefixError, match="made by somebody else meanwhile"):
            publish(prefix, folder, OLD, check=lambda: None)
    assert builder.tree(prefix / "versions" / OLD) == before


def test_a_check_that_fails_takes_the_version_away(tmp_path: Path) -> None:
    def fail() -> None:
        raise VersionError("it does not run", remedy="none")

    with staging(tmp_path, OLD, group=None) as folder:
        builder.small_release(tmp_path, OLD, folder=folder)
        with pytest.raises(VersionError, match="does not run"):
            publish(tmp_path, folder, OLD, check=fail)
    assert not list(tmp_path.glob("versions/*"))
    assert read_state(tmp_path).generation == 0


def test_repair_makes_lost_and_changed_modulefiles_again(prefix: Path) -> None:
    before = builder.tree(prefix)
    (prefix / f"modulefiles/polaris-parsl/{OLD}.lua").unlink()
    (prefix / "modulefiles-tcl/polaris-parsl/.modulerc").write_text("nonsense")
    (prefix / "modulefiles/polaris-parsl/2026.1.0.lua").write_text("-- made by polaris-parsl x\n")
    assert len(repair(prefix, dry_run=False).done) == 3
    assert builder.tree(prefix) == before


def test_repair_chooses_a_default_where_it_was_deleted_by_hand(prefix: Path) -> None:
    builder.run("chmod", "-R", "u+w", prefix / "versions" / MIDDLE, env={"PATH": "/bin"})
    builder.run("rm", "-r", prefix / "versions" / MIDDLE, env={"PATH": "/bin"})
    assert f"default: {MIDDLE} -> {OLD}" in repair(prefix, dry_run=False).done
    assert default_of(prefix) == [OLD, OLD]


def test_repair_names_what_it_cannot_mend(prefix: Path) -> None:
    for name in (OLD, MIDDLE):
        builder.run("chmod", "-R", "u+w", prefix / "versions" / name, env={"PATH": "/bin"})
    (prefix / "versions" / OLD / "receipt.json").unlink()
    (prefix / "versions" / MIDDLE / "bin/polaris-parsl").write_text("changed")
    notes = repair(prefix, dry_run=False).notes
    assert [note.partition(" ")[0] for note in notes] == [MIDDLE, OLD]
    assert f"changed: bin/polaris-parsl; fix: polaris-parsl remove {MIDDLE}" in notes[0]
    assert modules(prefix) == {OLD, MIDDLE, CANDIDATE, MEP}


def test_a_copy_of_a_prefix_is_published_where_it_lies(prefix: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    builder.run("cp", "-a", prefix, copy, env={"PATH": "/bin"})
    repair(copy, dry_run=False)
    text = (copy / f"modulefiles/polaris-parsl/{OLD}.lua").read_text()
    assert f'"{copy}/versions/{OLD}"' in text
    assert str(prefix) not in text
