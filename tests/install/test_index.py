"""Package indexes that cannot serve a wheel, or not the right one: nothing is installed."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import builder
import conda_channel
from polaris_parsl.files import digest


@pytest.fixture
def wheels(cache: Path, install: Any, tmp_path: Path) -> Path:
    """A directory with the wheels of the overlay, which are in no cache."""
    kept = builder.copy_cache(cache, tmp_path / "cache")
    lock = digest(builder.REPOSITORY / "overlay.lock")[:16]
    name = f"polaris-parsl/wheels/{sys.implementation.cache_tag}-{lock}"
    return (kept / name).rename(tmp_path / "wheels")


@pytest.fixture
def refused(install: Any, tmp_path: Path) -> Callable[[Path | str], str]:
    """Installs with the wheels of a directory or of an address; gives the refusal."""

    def run(place: Path | str) -> str:
        own = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PIP_NO_CACHE_DIR": "1"}
        own |= {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(place)}
        own |= {"PIP_RETRIES": "0"}
        options = ["--prefix", tmp_path / "prefix", "--base", sys.base_prefix]
        command = builder.install_command(builder.REPOSITORY, *options)
        done = builder.run(*command, env={**install.env, **own})
        assert done.returncode == 4, done.stderr
        assert done.stderr.count("fix:") == 1
        assert not (tmp_path / "prefix").exists()
        return done.stderr

    return run


def test_an_index_without_a_needed_wheel_is_reported_by_its_name(
    wheels: Path, refused: Callable[[Path | str], str]
) -> None:
    next(wheels.glob("tblib-*")).unlink()
    said = refused(wheels)
    assert "pip could not fetch the wheels of overlay.lock" in said
    assert "No matching distribution found for tblib==" in said
    assert "set the site's proxy (https_proxy) or pip's index" in said


def test_a_download_that_breaks_off_is_refused(
    wheels: Path, refused: Callable[[Path | str], str], tmp_path: Path
) -> None:
    (tmp_path / "served").mkdir()
    shutil.copytree(wheels, tmp_path / "served/wheels")
    with conda_channel.served(tmp_path / "served", breaks_off=True) as address:
        said = refused(f"{address}/wheels/")
    assert "overlay.lock" in said
    assert "MATCH THE HASHES" in said or "IncompleteRead" in said
