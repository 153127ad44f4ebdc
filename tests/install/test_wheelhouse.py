"""Wheelhouses: complete, and refused where they are not what the locks name."""

import os
import re
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

import builder
import conda_channel
from polaris_parsl.env.installer.conda_archives import fetch_archives
from polaris_parsl.env.installer.gnu_parallel import choose_parallel
from polaris_parsl.env.installer.own_wheel import build_own
from polaris_parsl.env.installer.wheelhouse import check_wheelhouse, make_wheelhouse
from polaris_parsl.env.installer.wheels import read_wheel
from polaris_parsl.env.locks.files import parallel_packages, read_conda, read_requirements
from polaris_parsl.errors import LockError, PrefixError
from polaris_parsl.files import digest

PYTHON = f"3.{sys.version_info.minor}"
PARALLEL = f"{conda_channel.gnu_parallel().stem}.tar.bz2"


@pytest.fixture
def copy(wheelhouse: Path, tmp_path: Path) -> Path:
    """A wheelhouse to be damaged."""
    return shutil.copytree(wheelhouse, tmp_path / "copy", copy_function=os.link)


def replace(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def install(house: Path, source: Path, base: Path, folder: Path) -> tuple[int, str]:
    """Installs without a network; gives the exit code and what was said."""
    (folder / "home").mkdir()
    options = ["--prefix", folder / "prefix", "--base", base, "--wheelhouse", house]
    command = builder.without_network(*builder.install_command(source, *options))
    done = builder.run(*command, env={"PATH": "/usr/bin:/bin", "HOME": str(folder / "home")})
    assert not (folder / "prefix").exists()
    return done.returncode, done.stderr


def test_a_wheelhouse_holds_what_the_locks_name(wheelhouse: Path, conda_source: Path) -> None:
    done = builder.run("sha256sum", "--check", "SHA256SUMS", env={}, cwd=wheelhouse)
    assert done.returncode == 0, done.stderr
    listed = {line.split("  ")[1] for line in (wheelhouse / "SHA256SUMS").read_text().splitlines()}
    found = {str(path.relative_to(wheelhouse)) for path in wheelhouse.rglob("*") if path.is_file()}
    assert found == listed | {"SHA256SUMS"}
    wheels = [read_wheel(path) for path in (wheelhouse / "wheels").iterdir()]
    pins = [
        read_requirements(conda_source / f"{name}.lock")
        for name in ("overlay", "tools", "installer")
    ]
    for wheel in wheels:
        assert any(
            name in each and wheel.sha256 in each[name].sha256
            for each in pins
            for name in [wheel.name]
        )
    versions = {(wheel.name, wheel.version) for wheel in wheels}
    environment = {
        "implementation_name": "cpython",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "sys_platform": "linux",
        "python_full_version": f"3.{sys.version_info.minor}.1",
    }
    for each in pins:
        wanted = {(pin.name, pin.version) for pin in each.values() if pin.applies(environment)}
        assert wanted <= versions
    packages = read_conda(conda_source / "conda-lock.yml")
    assert {each.archive: each.sha256 for each in packages} == {
        path.name: digest(path) for path in (wheelhouse / "conda").iterdir()
    }


def test_the_source_tree_in_a_wheelhouse_is_complete_and_clean(wheelhouse: Path) -> None:
    listed = builder.run("tar", "-tf", *wheelhouse.glob("*.tar.gz"), env={}).stdout.splitlines()
    names = {name.partition("/")[2] for name in listed}
    assert {"scripts/install.sh", "environment.yml", "pyproject.toml", "tools.lock"} <= names
    assert not [name for name in names if "__pycache__" in name or ".hypothesis" in name]


def test_the_source_tree_is_packed_the_same_wherever_and_whenever(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    digests = set()
    for name, when in (("one", 1_000_000_000), ("other", 1_500_000_000)):
        source = builder.copy_source(tmp_path / name / "source")
        for path in source.rglob("*"):
            os.utime(path, (when, when))
        monkeypatch.setattr(
            "polaris_parsl.env.installer.own_wheel.source_tree", lambda _, source=source: source
        )
        (tmp_path / name / "dist").mkdir()
        digests.add(digest(build_own(tmp_path / name / "dist", env=os.environ, kind="sdist")))
    assert len(digests) == 1


def test_everybody_may_read_a_wheelhouse(wheelhouse: Path) -> None:
    modes = {line.split()[0] for line in builder.tree(wheelhouse).values()}
    assert modes == {"40755", "100644"}
    assert wheelhouse.stat().st_mode & 0o777 == 0o755


def test_a_wheel_that_was_tampered_with_is_refused_before_it_is_installed(
    copy: Path, conda_source: Path, conda_base: Path, tmp_path: Path
) -> None:
    (wheel,) = (copy / "wheels").glob("typer-*.whl")
    replace(wheel, b"something else")
    code, said = install(copy, conda_source, conda_base, tmp_path)
    assert code == 4
    assert "a wheel is not the one that tools.lock names" in said


def test_a_wheelhouse_for_another_python_says_what_it_lacks(
    copy: Path, conda_source: Path, conda_base: Path, tmp_path: Path
) -> None:
    (wheel,) = (copy / "wheels").glob("resolvelib-*.whl")
    wheel.unlink()
    code, said = install(copy, conda_source, conda_base, tmp_path)
    assert code == 1
    assert "resolvelib" in said
    assert "cannot fetch the wheels of installer.lock" in said
    assert "a wheelhouse must be made for this Python" in said


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (f"conda/{PARALLEL}", b"x", "SHA256SUMS names"),
        (f"conda/{PARALLEL}", None, f"lacks conda/{PARALLEL}"),
        ("SHA256SUMS", None, "is not a wheelhouse"),
        ("SHA256SUMS", b"\xff\xfe", "is not a wheelhouse"),
        ("SHA256SUMS", b"", "made from other locks: it has not our conda-lock.yml"),
        ("SHA256SUMS", b"0" * 64 + b"  ../outside\n", "has the line"),
        ("SHA256SUMS", b"0" * 64 + b"  /etc/hosts\n", "has the line"),
        ("SHA256SUMS", b"no digest\n", "has the line"),
    ],
)
def test_a_damaged_wheelhouse_is_refused(
    name: str, content: bytes | None, problem: str, copy: Path, conda_source: Path
) -> None:
    if content is None:
        (copy / name).unlink()
    else:
        replace(copy / name, content)
    names = ("conda-lock.yml", "overlay.lock", "tools.lock", "installer.lock")
    with pytest.raises(LockError, match=re.escape(problem)):
        check_wheelhouse(copy, {each: conda_source / each for each in names})


def test_a_wheelhouse_of_other_locks_is_refused(wheelhouse: Path, conda_source: Path) -> None:
    locks = {"overlay-mep.lock": conda_source / "overlay-mep.lock"}
    with pytest.raises(LockError, match=r"has not our overlay-mep\.lock \(it has: conda-lock\.yml"):
        check_wheelhouse(wheelhouse, locks)


def test_a_conda_archive_with_another_hash_is_not_installed(
    wheelhouse: Path, copy: Path, conda_source: Path, tmp_path: Path
) -> None:
    packages = parallel_packages(conda_source / "conda-lock.yml")
    chosen = choose_parallel(packages, {}, archives=wheelhouse / "conda")
    assert chosen.source == "conda-lock.yml"
    replace(copy / "conda" / packages[0].archive, b"something else")
    with pytest.raises(LockError, match=r"conda-lock\.yml names"):
        fetch_archives(packages, tmp_path / "archives", env={}, archives=copy / "conda")


def test_without_its_conda_archives_the_gnu_parallel_on_path_stands_in(
    copy: Path, conda_source: Path, tmp_path: Path
) -> None:
    packages = parallel_packages(conda_source / "conda-lock.yml")
    (copy / "conda" / packages[0].archive).unlink()
    fake = tmp_path / "bin" / "parallel"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'GNU parallel 20221122'\n")
    fake.chmod(0o755)
    chosen = choose_parallel(packages, {"PATH": str(fake.parent)}, archives=copy / "conda")
    assert chosen.source == "PATH"
    assert "lacks 1 of 2 conda archives" in chosen.note


def test_a_channel_that_does_not_answer_leaves_a_list_of_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        "polaris_parsl.env.installer.wheelhouse._fetch_wheels", lambda *_, **__: None
    )
    monkeypatch.setattr(
        "polaris_parsl.env.installer.wheelhouse.channel_silence",
        lambda *_, **__: "its channel does not answer",
    )
    monkeypatch.setattr("polaris_parsl.env.installer.wheelhouse.fetch_archives", pytest.fail)
    target = tmp_path / "house"
    made = make_wheelhouse(
        target, track="mep", pythons=["3.13"], env=os.environ, step=lambda _: nullcontext()
    )
    packages = parallel_packages(builder.REPOSITORY / "conda-lock.yml")
    assert made.missing == tuple(packages)
    text = (target / "missing.txt").read_text()
    for package in packages:
        assert f"{package.sha256}  {package.url}\n" in text
    assert {path.name for path in (target / "locks").iterdir()} == {
        "conda-lock.yml",
        "overlay-mep.lock",
        "tools.lock",
        "installer.lock",
    }


@pytest.mark.parametrize(
    ("track", "python", "problem"),
    [("mep", "3.10", "the locks are not for Python 3.10"), ("no", "3.12", "no track 'no'")],
)
def test_what_the_locks_do_not_hold_cannot_be_collected(
    track: str, python: str, problem: str, tmp_path: Path
) -> None:
    target = tmp_path / "house"
    with pytest.raises(LockError, match=problem):
        make_wheelhouse(target, track=track, pythons=[python], env={}, step=lambda _: nullcontext())
    assert not list(tmp_path.iterdir())


def test_a_wheelhouse_never_replaces_anything(tmp_path: Path) -> None:
    for target in (tmp_path, tmp_path / "file" / "below"):
        (tmp_path / "file").touch()
        with pytest.raises(PrefixError):
            make_wheelhouse(
                target, track="current", pythons=["3.12"], env={}, step=lambda _: nullcontext()
            )
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert not list(tmp_path.parent.glob(".staging-*"))


def test_a_failed_collection_leaves_nothing(cache: Path, tmp_path: Path) -> None:
    source = builder.copy_source(tmp_path / "source")
    name = "overlay.lock"
    text = (source / name).read_text()
    (source / name).write_text(re.sub("sha256:[0-9a-f]{8}", "sha256:00000000", text))
    env = builder.environment(tmp_path, cache)
    target = tmp_path / "new" / "house"
    target.parent.mkdir()
    command = builder.command(source, "wheelhouse", target, "--python", PYTHON)
    done = builder.run(*command, env=env)
    assert done.returncode == 4, done.stderr
    assert "is not the one that overlay.lock" in done.stderr
    assert not list(target.parent.iterdir())
