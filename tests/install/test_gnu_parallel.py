"""GNU Parallel from conda packages: Debian's, packed for a channel on disk and on loopback."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import builder
import conda_channel
from polaris_parsl.env.installer.conda_archives import fetch_archives
from polaris_parsl.env.installer.conda_install import install_archives
from polaris_parsl.env.installer.gnu_parallel import choose_parallel
from polaris_parsl.env.locks.conda import reach_channels
from polaris_parsl.env.locks.files import CondaPackage, parallel_packages
from polaris_parsl.errors import LockError

VERSION = str(conda_channel.gnu_parallel().index["version"])
ECHO = ("-k", "--jobs", "2", "echo", "{#}", "{}", ":::", "a", "b c")


@pytest.fixture
def packages(conda_source: Path) -> list[CondaPackage]:
    """What is locked, at a channel that answers."""
    return parallel_packages(conda_source / "conda-lock.yml")


def at(packages: Sequence[CondaPackage], address: str) -> list[CondaPackage]:
    """The same packages at another channel."""
    return [
        replace(each, url="/".join([address, *each.url.rsplit("/", 2)[1:]])) for each in packages
    ]


def says(program: Path, *words: str, home: Path) -> str:
    done = builder.run(program, *words, env={"PATH": "/usr/bin:/bin", "HOME": str(home)})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_runs_from_the_install_with_the_perl_of_its_prefix(
    conda_install: Any, tmp_path: Path
) -> None:
    program = conda_install.root / "bin/parallel"
    assert says(program, *ECHO, home=tmp_path) == "1 a\n2 b c\n"
    assert says(program, "--version", home=tmp_path).startswith(f"GNU parallel {VERSION}\n")
    inside = conda_install.root / "gnu-parallel"
    assert program.resolve() == inside / "bin/parallel"
    assert program.read_text().startswith(f"#!{inside}/bin/perl")
    assert (inside / "bin/sem").readlink() == Path("parallel")
    assert f"GNU Parallel {VERSION}: 2 packages, conda-lock.yml" in conda_install.stdout
    for path in (inside / "bin").iterdir():
        assert conda_channel.PLACEHOLDER.encode() not in path.read_bytes(), path
    assert {path.name for path in inside.iterdir()} == {"bin", "conda-meta"}


def test_the_channel_was_locked_with_what_its_packages_need(packages: list[CondaPackage]) -> None:
    assert {each.name: each.needs for each in packages} == {"parallel": ("perl",), "perl": ()}
    assert {Path(each.archive).suffix for each in packages} == {".bz2", ".conda"}


def test_an_install_links_to_no_parallel_of_another_install(tmp_path: Path) -> None:
    other = tmp_path / "versions/1.0"
    (other / "bin").mkdir(parents=True)
    (other / "receipt.json").write_text("{}")
    program = tmp_path / "system/parallel"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho GNU parallel 20241122\n")
    program.chmod(0o755)
    (other / "bin/parallel").symlink_to(program)
    locked = CondaPackage("parallel", "1", "https://nowhere/parallel-1.conda", "0", "0")
    path = f"{other}/bin:{program.parent}:/usr/bin:/bin"
    assert choose_parallel([locked], {"PATH": path}, archives=tmp_path).path == program


def test_a_channel_on_disk_is_locked_checked_by_us_and_installed(
    conda_folder: Path, packages: list[CondaPackage], env: dict[str, str], tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("environment.yml", "overlay.lock"):
        (source / name).write_text((builder.REPOSITORY / name).read_text())
    conda_channel.lock(source, conda_folder.as_uri(), env=env)
    reach_channels(source / "environment.yml", env={})
    locked = parallel_packages(source / "conda-lock.yml")
    assert locked == at(packages, conda_folder.as_uri())
    assert choose_parallel(locked, env).source == "conda-lock.yml"
    forged = [replace(each, sha256="0" * 64) if each.name == "perl" else each for each in locked]
    with pytest.raises(LockError, match=r"file://.*perl.* has sha256 .*conda-lock\.yml names"):
        fetch_archives(forged, tmp_path / "forged", env={})
    archives = fetch_archives(locked, tmp_path / "archives", env={})
    prefix = tmp_path / "published"
    install_archives(archives, locked, folder=tmp_path / "staged", prefix=prefix)
    (tmp_path / "staged").rename(prefix)
    assert says(prefix / "bin/parallel", *ECHO, home=tmp_path) == "1 a\n2 b c\n"


def test_an_archive_with_another_hash_is_refused(
    packages: list[CondaPackage], tmp_path: Path
) -> None:
    forged = [replace(each, md5="0" * 32) for each in packages]
    with pytest.raises(LockError, match=r"conda-lock\.yml names"):
        fetch_archives(forged, tmp_path / "archives", env={})
    assert not list((tmp_path / "archives").iterdir())


def test_a_download_that_breaks_off_is_refused(
    conda_folder: Path, packages: list[CondaPackage], tmp_path: Path
) -> None:
    with conda_channel.served(conda_folder, breaks_off=True) as address:
        broken = at(packages, address)
        assert choose_parallel(broken, {}).source == "conda-lock.yml"
        with pytest.raises(LockError, match=r"cannot read http://.*IncompleteRead") as refusal:
            fetch_archives(broken, tmp_path / "archives", env={})
    assert "install again" in refusal.value.remedy
    assert not list((tmp_path / "archives").iterdir())


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        ("GNU parallel 20221122", "PATH"),
        ("parallel [OPTIONS] command -- arguments", "none"),
    ],
)
def test_without_a_channel_only_a_gnu_parallel_on_path_stands_in(
    answer: str, source: str, packages: list[CondaPackage], tmp_path: Path
) -> None:
    fake = tmp_path / "bin" / "parallel"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\necho '{answer}'\n")
    fake.chmod(0o755)
    chosen = choose_parallel(at(packages, "http://127.0.0.1:9"), {"PATH": str(fake.parent)})
    assert chosen.source == source
    assert "does not answer" in chosen.note
