"""The cache holds what is run: one of which somebody else owns or can write a part is refused."""

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

import builder
from actors import IS_ROOT, USERS, act
from polaris_parsl.env.variables import user_cache
from polaris_parsl.errors import PolarisParslError

bootstrap = builder.load_bootstrap()
PYTHON = ("/usr/bin/python3", "3.11.2", "cpython-311")


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of the victim below one that everybody can read; bootstrap.py runs from a copy."""
    top = Path(tempfile.mkdtemp(prefix="polaris-parsl-cache-"))
    top.chmod(0o755)
    source = top / "source"
    place = source / "src/polaris_parsl/env/own_cache.py"
    place.parent.mkdir(parents=True)
    shutil.copy(builder.REPOSITORY / place.relative_to(source), place)
    for name in bootstrap.LOCKS:
        shutil.copy(builder.REPOSITORY / name, source / name)
    monkeypatch.setattr(bootstrap, "ROOT", source)
    monkeypatch.setattr(bootstrap, "supported_interpreter", lambda _: PYTHON)
    monkeypatch.setattr(bootstrap, "build", lambda *_: None)
    (top / "home").mkdir()
    if IS_ROOT:
        os.chown(top / "home", USERS["victim"], USERS["victim"])
    monkeypatch.setenv("XDG_CACHE_HOME", str(top / "home/.cache"))
    yield top / "home"
    shutil.rmtree(top)


def by_bootstrap() -> str:
    """The Python that bootstrap.py would run, or its refusal."""
    try:
        return str(bootstrap.tools_python(["version"]))
    except bootstrap.RefusalError as refusal:
        return f"{refusal} (exit code {refusal.code})"


def by_install() -> str:
    try:
        return str(user_cache(os.environ))
    except PolarisParslError as refusal:
        return str(refusal)


WAYS = pytest.mark.parametrize("way", [by_bootstrap, by_install])


@WAYS
def test_a_new_cache_is_its_users_alone_whatever_the_umask(
    way: Callable[[], str], home: Path
) -> None:
    assert "fix: " not in act("victim", way, umask=0)
    assert stat.S_IMODE((home / ".cache").stat().st_mode) == 0o700
    assert stat.S_IMODE((home / ".cache/polaris-parsl").stat().st_mode) == 0o700


@WAYS
def test_a_cache_of_before_in_which_nobody_else_could_write_is_closed(
    way: Callable[[], str], home: Path
) -> None:
    cache = home / ".cache/polaris-parsl"
    act("victim", partial(planted, cache), umask=0o022)
    assert "fix: " not in act("victim", way)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


def planted(cache: Path) -> None:
    """A tools environment under each name that bootstrap.py may ask for."""
    (cache / "wheels/a").mkdir(parents=True)
    python = Path(bootstrap.tools_python(["version"]))
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nid\n")
    (python.parents[1] / "complete").touch()


@WAYS
@pytest.mark.parametrize("part", ["", "wheels", "wheels/a/x.whl", "tools-*", "tools-*/bin/python"])
def test_a_part_that_everybody_can_write_is_refused(
    way: Callable[[], str], part: str, home: Path
) -> None:
    cache = home / ".cache/polaris-parsl"
    act("victim", partial(planted, cache))
    (cache / "wheels/a/x.whl").touch()
    (place,) = cache.glob(part) if part else [cache]
    cache.chmod(0o755)
    place.chmod(0o777)
    said = act("victim", way)
    assert f"the cache {cache} is not yours alone: everybody can write {place}" in said
    assert "set XDG_CACHE_HOME to a directory in which only you can write" in said
    assert way is by_install or "exit code 6" in said


@WAYS
def test_a_cache_below_a_directory_in_which_everybody_can_rename_is_refused(
    way: Callable[[], str], home: Path
) -> None:
    home.chmod(0o777)
    assert f"everybody can write {home}\n" in act("victim", way)
    home.chmod(0o1777)
    assert "fix: " not in act("victim", way)


@pytest.mark.skipif(not IS_ROOT, reason="only root can act as two users")
@WAYS
@pytest.mark.parametrize("part", ["", "wheels", "tools-*", "tools-*/bin/python"])
def test_what_an_outsider_planted_in_a_shared_cache_is_not_used(
    way: Callable[[], str], part: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = home.parent / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared))
    cache = shared / "polaris-parsl"
    act("victim", partial(planted, cache))
    (place,) = cache.glob(part) if part else [cache]
    for each in (place, *place.rglob("*")):
        os.chown(each, USERS["outsider"], USERS["outsider"])
    assert f"{place} belongs to nobody" in act("victim", way)
    # that the directories are the victim's now does not help
    os.chown(cache, USERS["victim"], USERS["victim"])
    cache.chmod(0o700)
    if part:
        assert f"{place} belongs to nobody" in act("victim", way)


def test_nothing_is_written_beside_the_source_of_a_bundle(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(home.parent / "cache"))
    monkeypatch.setattr(bootstrap.os, "execve", lambda *words: started.append(words[-1]))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    bootstrap.main(["verify"])
    (home.parent / "SHA256SUMS").touch()
    bootstrap.main(["verify"])
    assert not [*home.parent.rglob("__pycache__")]
    assert [each.get("PYTHONDONTWRITEBYTECODE") for each in started] == [None, "1"]
