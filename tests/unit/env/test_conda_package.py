"""Conda archives are installed as py-rattler installs them; what is no conda package is refused."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

import builder
from conda_channel import PLACEHOLDER, Package, index_entry, make_channel
from polaris_parsl.env.installer.conda_install import install_archives
from polaris_parsl.env.locks.files import CondaPackage
from polaris_parsl.env.prefix.permissions import seal
from polaris_parsl.errors import LockError, PrefixError

STAND_IN = builder.REPOSITORY / "tests/install/conda_stand_in.py"
BUILT_FOR = PLACEHOLDER.encode()
# a program: strings that end with a zero byte, the prefix within, twice in one, and at the end
LONG = "/opt/" + "placehold_" * 25
PROGRAM = b"\x7fELF\0%b/lib:%b/lib64:/usr/lib\0x\0\0%b" % ((LONG.encode(),) * 3)
PACKAGES = [
    Package(
        # in the older format
        index_entry("parallel", "20241122", "noarch", depends=["perl"], noarch="generic"),
        {
            "bin/parallel": b"#!%b/bin/perl -w\nprint '%b', '%b';\n" % ((BUILT_FOR,) * 3),
            "bin/other": b"#! %b/bin/perl\n" % BUILT_FOR,
            "bin/plain": b"#!/bin/sh\necho %b\n" % BUILT_FOR,
            "bin/one-line": b"#!/usr/bin/env %b/bin/perl" % BUILT_FOR,
            "share/text": b"\xff no unicode, but %b\n" % BUILT_FOR,
            "share/empty": b"",
        },
        {"bin/sem": "parallel"},
    ),
    Package(
        index_entry("python", "3.12.4", "linux-64"),
        {"bin/python3.12": PROGRAM, "lib/python3.12/os.py": b"pass\n"},
        {"bin/python3": "python3.12"},
        binary=LONG,
    ),
    Package(
        index_entry("pip", "26.2", "noarch", depends=["python"], noarch="python"),
        {
            "site-packages/pip/__init__.py": b"",
            "python-scripts/pip-own": b"#!%b/bin/python\n" % BUILT_FOR,
            "python-scripts/options": b"#!%b/bin/python3.12 -I -S\n" % BUILT_FOR,
        },
        {},
        commands=("pip = pip._internal.cli.main:main", "pip3=pip.cli:Main.run"),
    ),
]  # fmt: skip


def channel(folder: Path, packages: list[Package]) -> tuple[list[Path], list[CondaPackage]]:
    """The archives of packages, and their entries of a lock."""
    make_channel(folder, packages)
    archives, locked = [], []
    for package in packages:
        (archive,) = folder.glob(f"*/{package.stem}.*")
        index: Any = package.index
        archives.append(archive)
        locked.append(CondaPackage(index["name"], index["version"], archive.as_uri(), "0", "0"))
    return archives, locked


def installed(folder: Path, packages: list[Package], prefix: Path) -> Path:
    """What we make of packages, in a folder that is not their prefix."""
    archives, locked = channel(folder / "channel", packages)
    install_archives(archives, locked, folder=folder / "staged", prefix=prefix)
    return folder / "staged"


@pytest.mark.parametrize("name", ["short", "with a space", "long" * 30])
def test_it_is_what_py_rattler_makes_of_the_same_archives(name: str, tmp_path: Path) -> None:
    prefix = tmp_path / name
    ours = installed(tmp_path, PACKAGES, prefix)
    explicit = tmp_path / "explicit"
    archives = [each.as_uri() for each in sorted((tmp_path / "channel").glob("*/*-*"))]
    explicit.write_text("\n".join(archives))
    command: list[str | Path] = [sys.executable, STAND_IN, "create", "--yes"]
    command += ["--prefix", prefix, "--file", explicit]
    subprocess.run(command, check=True)
    (prefix / "CACHEDIR.TAG").unlink()
    for folder in (ours, prefix):
        seal(folder, group=None)
    theirs = {each: text for each, text in builder.tree(prefix).items() if "conda-meta" not in each}
    found = {each: text for each, text in builder.tree(ours).items() if "conda-meta" not in each}
    assert found == theirs
    assert {"bin/pip", "bin/pip3", "bin/pip-own", "bin/sem", "bin/python3.12"} <= found.keys()
    assert PLACEHOLDER not in (ours / "bin/parallel").read_text()
    for record in (prefix / "conda-meta").glob("*-*.json"):
        one, other = (
            json.loads((each / "conda-meta" / record.name).read_text()) for each in (ours, prefix)
        )
        assert one["files"] == other["files"]
        assert other["version"] == one["version"]
        names = [(each["_path"], each["path_type"]) for each in other["paths_data"]["paths"]]
        assert [(each["_path"], each["path_type"]) for each in one["paths_data"]["paths"]] == names


def test_a_prefix_without_room_in_a_program_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    with pytest.raises(
        PrefixError, match=r"has 300 characters; the programs of python.* room for 255"
    ):
        installed(tmp_path, PACKAGES, Path("/" + "p" * 299))
    assert not (tmp_path / "staged").exists()


def _plain(name: str, **files: bytes) -> Package:
    content = {f"share/{each}": content for each, content in files.items()}
    return Package(index_entry(name, "1", "linux-64"), content, {})


def test_two_packages_may_have_the_same_file_and_no_different_ones(tmp_path: Path) -> None:
    same = [_plain("one", a=b"1"), _plain("two", a=b"1", b=b"2")]
    assert (installed(tmp_path / "same", same, tmp_path) / "share/b").read_bytes() == b"2"
    other = [_plain("one", a=b"1"), _plain("two", a=b"2")]
    with pytest.raises(LockError, match=r"two-1-0.conda .*: share/a is another file in one-1-0"):
        installed(tmp_path / "other", other, tmp_path)


@pytest.mark.parametrize("name", ["/etc/absolute", "share/../../outside"])
def test_a_path_that_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    package = Package(index_entry("bad", "1", "linux-64"), {name: b"x"}, {})
    with pytest.raises(
        LockError, match=rf"bad-1-0\.conda cannot be installed: it lists the path '{name}"
    ):
        installed(tmp_path, [package], tmp_path / "prefix")


def _tar(**files: bytes) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:bz2") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"info/{name}.json")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return written.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.conda", b"no archive", "it is no conda package: BadZipFile"),
        ("a.tar.bz2", b"no archive", "it is no conda package: OSError"),
        ("a.tar.bz2", _tar(index=b"{}"), "it is no conda package: KeyError: .*paths.json"),
        ("a.tar.bz2", _tar(index=b"{}", paths=b"no JSON"), "a.tar.bz2 cannot be installed: Expect"),
        ("a.tar.bz2", _tar(index=b"{}", paths=b'{"paths": [{"_path": "a", "path_type": "hardlink"}]}'),
         "it lists a and lacks it"),
    ],
)  # fmt: skip
def test_what_is_no_package_is_refused(
    name: str, content: bytes, problem: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    locked = [CondaPackage("a", "1", "", "0", "0")]
    with pytest.raises(LockError, match=problem):
        install_archives([tmp_path / name], locked, folder=tmp_path / "f", prefix=tmp_path)
