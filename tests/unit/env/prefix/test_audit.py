"""What `audit` says of a small prefix; tests/install/test_access.py asks the kernel too."""

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from polaris_parsl.below import remove_path
from polaris_parsl.cli.main import app
from polaris_parsl.env.prefix.audit import AuditReport, audit
from polaris_parsl.env.prefix.permissions import make_shared, seal
from polaris_parsl.env.prefix.publish_modulefiles import publish_modulefiles
from polaris_parsl.env.prefix.state import commit
from polaris_parsl.errors import PrefixError

MINE = os.getegid()
# no user of this machine is in it
OTHER = 987654


@pytest.fixture
def prefix() -> Iterator[Path]:
    """A group's prefix with one version, in a place that everybody gets to."""
    top = Path(tempfile.mkdtemp(prefix="polaris-parsl-audit-"))
    top.chmod(0o755)
    place = top / "prefix"
    for name in ("", "versions", "modulefiles", "modulefiles/polaris-parsl", "state"):
        make_shared(place / name, group=MINE)
    root = place / "versions/2026.11"
    (root / "bin").mkdir(parents=True)
    (root / "bin/program").write_text("#!/bin/sh\n")
    (root / "bin/program").chmod(0o755)
    (root / "bin/python").symlink_to("/bin/sh")
    (root / "receipt.json").write_text("{}\n")
    seal(root, group=MINE)
    (place / "modulefiles/polaris-parsl/2026.11.lua").write_text("text\n")
    (place / "modulefiles/polaris-parsl/2026.11.lua").chmod(0o644)
    commit(place, "install 2026.11", lambda state: replace(state, default="2026.11"))
    publish_modulefiles(place)
    yield place
    remove_path(top)


def shown(report: AuditReport) -> list[tuple[str, str]]:
    """Kind and path of each finding."""
    return [(each.kind, str(each.path.relative_to(report.prefix))) for each in report.findings]


def test_a_prefix_as_install_makes_it_has_no_findings(prefix: Path) -> None:
    report = audit(prefix, group=MINE)
    assert report.findings == ()
    assert report.unchecked == ()


@pytest.mark.parametrize(
    ("name", "mode", "kinds"),
    [
        ("versions/2026.11/bin/program", 0o500, ["unreadable"]),
        ("versions/2026.11/bin/program", 0o544, ["unreadable"]),
        ("versions/2026.11/receipt.json", 0o400, ["unreadable"]),
        ("versions/2026.11/receipt.json", 0o446, ["writable", "unsealed"]),
        ("versions/2026.11/receipt.json", 0o464, ["unsealed"]),
        ("versions/2026.11/receipt.json", 0o644, ["unsealed"]),
        ("versions/2026.11/bin", 0o544, ["unreadable"]),
        ("versions/2026.11/bin", 0o557, ["writable", "unsealed"]),
        ("versions", 0o755, ["closed"]),
        ("versions", 0o775, ["closed"]),
        ("versions", 0o2777, ["writable"]),
        ("versions", 0o3777, ["writable"]),
        ("state", 0o2700, ["unreadable", "closed"]),
        ("modulefiles/polaris-parsl", 0o2755, ["closed"]),
        ("modulefiles/polaris-parsl/2026.11.lua", 0o600, ["unreadable"]),
        ("modulefiles/polaris-parsl/2026.11.lua", 0o666, ["writable"]),
        ("modulefiles/polaris-parsl/2026.11.lua", 0o664, []),
        (".", 0o2770, []),
        (".", 0o2775, []),
    ],
)
def test_a_permission_that_is_wrong_is_found(
    name: str, mode: int, kinds: list[str], prefix: Path
) -> None:
    (prefix / name).chmod(mode)
    assert shown(audit(prefix, group=MINE)) == [(kind, name) for kind in kinds]


def test_a_remedy_ends_its_finding(prefix: Path) -> None:
    (prefix / "versions/2026.11/bin").chmod(0o747)
    (prefix / "versions/2026.11/bin/program").chmod(0o700)
    (prefix / "state").chmod(0o700)
    findings = audit(prefix, group=MINE).findings
    assert len(findings) == 7
    for finding in findings:
        assert os.system(finding.remedy) == 0
    assert audit(prefix, group=MINE).findings == ()


def test_a_directory_above_that_stops_members_is_named_once(prefix: Path) -> None:
    prefix.parent.chmod(0o700)
    report = audit(prefix, group=MINE)
    (finding,) = report.findings
    assert (finding.kind, finding.path) == ("unreadable", prefix.parent)
    assert report.unchecked == (f"what outsiders can write: none gets through {prefix.parent}",)


def test_a_directory_above_in_which_outsiders_could_rename_is_named(prefix: Path) -> None:
    prefix.parent.chmod(0o777)
    (finding,) = audit(prefix, group=MINE).findings
    assert (finding.kind, finding.path) == ("writable", prefix.parent)
    # nobody renames what is not his in a sticky directory
    prefix.parent.chmod(0o1777)
    assert audit(prefix, group=MINE).findings == ()


def test_a_link_to_what_members_cannot_read_is_found(prefix: Path, tmp_path: Path) -> None:
    closed = prefix.parent / "base"
    closed.mkdir(mode=0o700)
    (closed / "python").write_text("")
    bin_ = prefix / "versions/2026.11/bin"
    bin_.chmod(0o755)
    (bin_ / "python3").symlink_to(closed / "python")
    bin_.chmod(0o555)
    assert {each.path for each in audit(prefix, group=MINE).findings} == {closed}


def test_what_is_being_made_or_removed_and_what_is_not_ours_is_left_out(prefix: Path) -> None:
    for name in ("versions/.staging-2026.12-node-1", "versions/.removed-2026.10-node-2", "data"):
        (prefix / name).mkdir()
        (prefix / name).chmod(0o777)
    assert audit(prefix, group=MINE).findings == ()


def test_the_prefix_of_a_person_is_judged_by_who_can_write(prefix: Path) -> None:
    (prefix / "versions").chmod(0o2777)
    (prefix / "state").chmod(0o2700)  # closed to members, whom nobody asked about
    report = audit(prefix, group=None)
    assert {each.kind for each in report.findings} == {"writable"}
    assert "who can read" in report.unchecked[0]


def test_a_prefix_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrefixError, match="there is no prefix"):
        audit(tmp_path / "none", group=None)


def test_the_command_prints_findings_with_their_remedy(prefix: Path) -> None:
    (prefix / "state").chmod(0o700)
    done = CliRunner().invoke(app, ["audit", "--prefix", str(prefix)])
    assert done.exit_code == 16
    lines = done.output.splitlines()
    assert lines[0].startswith(f"2 findings: {prefix}, which belongs to the group")
    assert lines[1].startswith(f"  unreadable: {prefix}/state: a member of ")
    assert lines[2] == f"    fix: chmod g+rx {prefix}/state"


def test_the_command_prints_json(prefix: Path) -> None:
    done = CliRunner().invoke(app, ["audit", "--prefix", str(prefix), "--json"])
    report = json.loads(done.output)
    assert (done.exit_code, report["findings"], report["unchecked"]) == (0, [], [])
