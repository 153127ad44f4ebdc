"""What docs/locks.md says of each conda archive is what public files were found to say."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.env.locks.files import (
    CondaPackage,
    markers_of,
    parallel_packages,
    read_conda,
    read_conda_pip,
    read_requirements,
)
from polaris_parsl.errors import LockError
from polaris_parsl.files import shipped

ROOT = Path(__file__).parents[3]
RECORDS: dict[str, Any] = json.loads(
    (ROOT / "tests/recorded/conda-forge/sources.json").read_text()
)["records"]
LOCKED = {package.url: package for package in read_conda(shipped("conda-lock.yml"))}


def row(url: str) -> str:
    record = RECORDS[url]
    is_complete = record["sha256"] and record["md5"] and record["size"]
    known = "complete" if is_complete else "md5 only, **no sha256 anywhere**"
    sources = record["sources"]
    return f"| `{url.rsplit('/', 1)[-1]}` | {known} | {len(sources)}: {', '.join(sources)} |"


@pytest.mark.parametrize("package", LOCKED.values(), ids=lambda package: package.name)
def test_every_locked_archive_has_the_hashes_that_were_recorded(package: CondaPackage) -> None:
    record = RECORDS[package.url]
    assert (package.md5, package.sha256) == (record["md5"], record["sha256"])
    assert record["size"] > 0


def test_the_records_that_are_solved_over_are_those_that_were_recorded() -> None:
    folder = ROOT / "tests/recorded/conda-forge"
    found = {}
    for path in folder.glob("*.repodata.json"):
        data = json.loads(path.read_text())
        for name, record in data["packages.conda"].items():
            found[f"{data['info']['subdir']}/{name}"] = record
    locked = {"/".join(url.split("/")[-2:]): RECORDS[url] for url in LOCKED}
    assert found.keys() == locked.keys()
    for name, record in found.items():
        for key in ("md5", "sha256", "size"):
            assert record[key] == locked[name][key], name


def test_every_source_is_a_commit_or_a_release_with_a_file_in_it() -> None:
    for record in RECORDS.values():
        for name, source in record["sources"].items():
            assert source["files_with_md5"] >= 1
            assert source["example"]
            assert re.fullmatch("[0-9a-f]{40}", source["commit"] or "") or "wheel" in name


def test_the_documentation_says_what_is_known_of_each_hash() -> None:
    text = (ROOT / "docs/locks.md").read_text()
    assert [line for line in text.splitlines() if ".conda` |" in line] == [*map(row, RECORDS)]


def test_the_python_part_of_the_conda_lock_is_that_of_overlay_lock() -> None:
    """Each wheel, by version and sha256, and no other."""
    lock = shipped("conda-lock.yml")
    (python,) = (each.version for each in read_conda(lock) if each.name == "python")
    pins = read_requirements(shipped("overlay.lock"))
    wanted = {name: pin for name, pin in pins.items() if pin.applies(markers_of(python))}
    locked = read_conda_pip(lock)
    assert "parsl" in locked
    assert {name: pin.version for name, pin in locked.items()} == {
        name: pin.version for name, pin in wanted.items()
    }
    for name, pin in locked.items():
        assert len(pin.sha256) == 1
        assert pin.sha256 <= wanted[name].sha256


def test_an_install_on_a_base_takes_gnu_parallel_alone_and_no_python() -> None:
    names = {each.name for each in parallel_packages(shipped("conda-lock.yml"))}
    assert names == {
        "_openmp_mutex", "libgcc", "libgcc-ng", "libgomp", "libxcrypt", "parallel", "perl",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("\nversion: 1\n", "\nversion: 2\n", "has the form 2 of conda-lock; .* reads form 1"),
        ("\nversion: 1\n", "\n", "has the form None of conda-lock"),
        ("platform: linux-64", "platform: osx-arm64", "is for osx-arm64, not for linux-64"),
        ("  manager: conda\n", "", "has a package without 'manager'"),
    ],
)
def test_a_lock_of_another_form_or_platform_is_refused(
    old: str, new: str, problem: str, tmp_path: Path
) -> None:
    text = shipped("conda-lock.yml").read_text()
    (tmp_path / "conda-lock.yml").write_text(text.replace(old, new))
    with pytest.raises(LockError, match=problem):
        read_conda(tmp_path / "conda-lock.yml")


def test_the_glibc_that_a_package_needs_is_read() -> None:
    oldest = {each.name: each.glibc for each in read_conda(shipped("conda-lock.yml"))}
    assert (oldest["python"], oldest["tzdata"]) == ("2.17", "")
