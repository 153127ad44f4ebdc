import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from polaris_parsl.env.base.drift import Verdict, VerifyFinding, compare
from polaris_parsl.env.prefix.verify import verify_base

WAS: dict[str, Any] = {
    "executable": "/soft/conda/bin/python3.12",
    "prefix": "/soft/conda",
    "interpreter": {
        "implementation": "cpython",
        "version": "3.12.11",
        "build": "3.12.11 | packaged by conda-forge | (main, Jun  4 2025)\n[GCC 13.3.0]",
        "soabi": "cpython-312-x86_64-linux-gnu",
        "cache_tag": "cpython-312",
        "platform": "linux-x86_64",
        "libc": "glibc 2.31",
    },
    "start_files": {"lib/sitecustomize.py": "aa", "lib/old.pth": "bb"},
    "conda": {"packages": 2, "sha256": "cc", "python": "python-3.12.11-h1_0_cpython"},
    "module": {"name": "conda/2025-09-25", "file": "/m/conda/2025-09-25.lua", "sha256": "dd"},
    "distributions": {
        "dill": {
            "version": "0.4.0", "sha256": "d0", "leaned_on": True,
            "modules": ["dill"], "files": 20, "files_sha256": "f0",
        },
        "numpy": {"version": "2.2.6", "sha256": "e0"},
    },
}  # fmt: skip


def after(**changes: Any) -> list[VerifyFinding]:
    """Findings after changes, each named by the path to it, with __ between the keys."""
    now = copy.deepcopy(WAS)
    for path, value in changes.items():
        *way, last = path.split("__")
        place = now
        for key in way:
            place = place[key]
        place[last] = value
    return compare(WAS, now)


def only(findings: list[VerifyFinding]) -> VerifyFinding:
    (finding,) = findings
    return finding


def test_the_same_base_gives_no_finding() -> None:
    assert after() == []


@pytest.mark.parametrize(
    ("changes", "verdict", "text"),
    [
        ({"prefix": "/other"}, Verdict.BROKEN, "belongs to the prefix /other; it was /soft/conda"),
        (
            {"interpreter__cache_tag": "cpython-313", "interpreter__version": "3.13.5"},
            Verdict.BROKEN,
            "/soft/conda holds cpython 3.13.5",
        ),
        ({"interpreter__soabi": "cpython-312d-x86_64-linux-gnu"}, Verdict.BROKEN, "cpython-312d"),
        ({"interpreter__implementation": "graalpy"}, Verdict.BROKEN, "holds graalpy"),
        ({"interpreter__version": "3.12.12"}, Verdict.RELEVANT, "Python of the base: 3.12.11"),
        ({"interpreter__build": "3.12.11 (rebuilt)"}, Verdict.RELEVANT, "-> 3.12.11 (rebuilt)"),
        ({"interpreter__libc": "glibc 2.38"}, Verdict.RELEVANT, "glibc 2.31 -> glibc 2.38"),
        ({"module__sha256": None}, Verdict.BROKEN, "there is no /m/conda/2025-09-25.lua"),
        ({"module__sha256": "d1"}, Verdict.RELEVANT, "modulefile of conda/2025-09-25 has changed"),
        ({"distributions__dill__version": "0.4.1"}, Verdict.RELEVANT, "dill of the base"),
        ({"distributions__dill__sha256": "d1"}, Verdict.RELEVANT, "rebuilt at the same version"),
        ({"distributions__dill__sha256": None}, Verdict.RELEVANT, "its metadata is gone"),
        ({"distributions__dill__files_sha256": "f1"}, Verdict.RELEVANT, "in place"),
        ({"distributions__numpy__sha256": "e1"}, Verdict.COSMETIC, "numpy 2.2.6, rebuilt"),
        ({"conda__sha256": "c1"}, Verdict.COSMETIC, "conda packages of the base were changed"),
        ({"conda": None}, Verdict.COSMETIC, "(2 packages; no conda prefix)"),
    ],
)
def test_each_change_has_its_verdict(changes: dict[str, Any], verdict: Verdict, text: str) -> None:
    finding = only(after(**changes))
    assert finding.verdict is verdict
    assert text in finding.text
    assert "\n" not in finding.text


def test_start_files_that_come_change_or_go_are_named() -> None:
    findings = after(start_files={"lib/sitecustomize.py": "a1", "lib/new.pth": "bb"})
    assert {finding.verdict for finding in findings} == {Verdict.RELEVANT}
    assert [finding.text.split()[0] for finding in findings] == [
        "lib/new.pth", "lib/old.pth", "lib/sitecustomize.py",
    ]  # fmt: skip
    assert [finding.text.rpartition(", ")[2] for finding in findings] == [
        "is new", "is gone", "has changed",
    ]  # fmt: skip


def test_what_a_quick_look_leaves_out_is_not_compared() -> None:
    quick = {"dill": {"version": "0.4.0", "sha256": "d0"}, "numpy": {"version": "2.2.6"}}
    assert after(distributions=quick) == []


def test_many_unrelated_changes_are_one_line() -> None:
    new = {f"package-{number}": {"version": "1.0"} for number in range(100)}
    finding = only(after(distributions={**WAS["distributions"], **new}))
    assert finding.verdict is Verdict.COSMETIC
    assert finding.text.endswith("package-4 1.0, new; and 95 more")


def test_the_verdicts_are_the_exit_codes_in_order_of_weight() -> None:
    assert [(each.word, int(each)) for each in sorted(Verdict)] == [
        ("intact", 0), ("cosmetic", 10), ("relevant", 11), ("broken", 12),
    ]  # fmt: skip


def test_a_base_that_may_not_be_read_any_more_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    receipt: Any = SimpleNamespace(base=WAS, prefix=Path("/prefix"), release="1.0")
    monkeypatch.setattr(Path, "exists", refuse)
    (finding,) = verify_base(receipt, quick=True, env={})
    assert finding.verdict is Verdict.BROKEN
    assert finding.text.startswith("the base cannot be read: Permission denied: /soft/conda/bin")
