from pathlib import Path

import pytest

from polaris_parsl.env.locks.diff import compare_locks
from polaris_parsl.errors import LockError
from polaris_parsl.files import shipped

ROOT = shipped("environment.yml").parent
ONE, TWO, THREE = ("1" * 64, "2" * 64, "3" * 64)


def python_lock(path: Path, *lines: tuple[str, str]) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{pin} \\\n    --hash=sha256:{value}\n" for pin, value in lines))
    return path


def test_a_python_lock_is_compared_package_by_package(tmp_path: Path) -> None:
    old = python_lock(
        tmp_path / "old.lock",
        ("gone==1.0", ONE),
        ("kept==1.0", ONE),
        ("moved==1.0", ONE),
        ("rebuilt==1.0", ONE),
        ("narrower==1.0", ONE),
    )
    new = python_lock(
        tmp_path / "overlay.lock",
        ("kept==1.0", ONE),
        ("moved==2.0", TWO),
        ("rebuilt==1.0", THREE),
        ("narrower==1.0 ; python_version < '3.12'", ONE),
        ("new==0.1", ONE),
    )
    assert compare_locks(old, new) == [
        "overlay.lock: 1 added, 1 removed, 2 changed, 1 rebuilt",
        "  + new 0.1",
        "  - gone 1.0",
        "  ~ moved 1.0 -> 2.0",
        '  ~ narrower: where ever -> python_version < "3.12"',
        "  ! rebuilt 1.0: same version, other files",
    ]


def test_a_conda_lock_is_compared_package_by_package(tmp_path: Path) -> None:
    text = (ROOT / "conda-lock.yml").read_text()
    sha256 = "1dd3fffd892081df9726d7eb7e0dea6198962ba775bd88842135a4ddb4deb3c9"
    assert sha256 in text
    new = tmp_path / "conda-lock.yml"
    new.write_text(text.replace(sha256, ONE).replace("5.32.1", "5.40.0"))
    assert compare_locks(ROOT / "conda-lock.yml", new) == [
        "conda-lock.yml: 0 added, 0 removed, 1 changed, 1 rebuilt",
        "  ~ perl 5.32.1 -> 5.40.0",
        "  ! _openmp_mutex 4.5: same version, other files",
    ]


def test_directories_are_compared_lock_by_lock(tmp_path: Path) -> None:
    for side, name in (("old", "overlay-mep.lock"), ("new", "tools.lock")):
        python_lock(tmp_path / side / name, ("parsl==1", ONE))
        python_lock(tmp_path / side / "overlay.lock", ("parsl==1", ONE))
    assert compare_locks(tmp_path / "old", tmp_path / "new") == [
        f"overlay-mep.lock: only in {tmp_path}/old",
        "overlay.lock: the same",
        f"tools.lock: only in {tmp_path}/new",
    ]


def test_two_tracks_can_be_compared() -> None:
    lines = compare_locks(ROOT / "overlay.lock", ROOT / "overlay-mep.lock")
    assert "  ~ parsl 2026.10.26 -> 2026.2.23" in lines
    assert "  + globus-compute-endpoint 4.9.0" in lines


def test_a_lock_is_not_compared_with_another_kind(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="locks of different kinds"):
        compare_locks(ROOT / "overlay.lock", ROOT / "conda-lock.yml")
    with pytest.raises(LockError, match="one is a file, the other a directory"):
        compare_locks(ROOT / "overlay.lock", ROOT)
    with pytest.raises(LockError, match="holds no lock"):
        compare_locks(tmp_path, ROOT)
    with pytest.raises(LockError, match="does not exist"):
        compare_locks(tmp_path / "none", ROOT)


def test_a_file_that_is_no_lock_is_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "overlay.lock"
    for content, problem in (
        (b"\xff\xfe", "cannot read"),
        (b"", "locks nothing"),
        (b"x", "not pinned"),
    ):
        damaged.write_bytes(content)
        with pytest.raises(LockError, match=problem):
            compare_locks(damaged, ROOT / "overlay.lock")
