"""Whole installs, built for real."""

import json
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

import builder
import pythons
from package_links import only_links
from polaris_parsl.env.locks.files import read_requirements
from polaris_parsl.errors import ExitCode
from polaris_parsl.files import digest, shipped
from polaris_parsl.version import VERSION

PARSL = read_requirements(shipped("overlay.lock"))["parsl"].version


def overlay_python(install: Any, code: str, **env: str) -> str:
    python = install.root / "overlay/bin/python"
    done = builder.run(python, "-c", code, env={"PATH": "/usr/bin:/bin", **env})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_install_imports_the_locked_parsl_and_runs_its_command(install: Any) -> None:
    code = "import parsl, polaris_parsl, sys; print(parsl.__version__, sys.executable)"
    assert overlay_python(install, code) == f"{PARSL} {install.root}/overlay/bin/python"
    done = builder.run(install.root / "bin/polaris-parsl", "version", env={"PATH": "/usr/bin:/bin"})
    assert done.stdout == f"{VERSION}\n"


def test_the_tools_hold_what_their_lock_names_and_no_more(install: Any) -> None:
    (site,) = (install.root / "tools").glob("lib/python3.*/site-packages")
    code = "import importlib.metadata as m; print(*{each.name for each in m.distributions()})"
    found = builder.run(install.root / "tools/bin/python", "-I", "-c", code, env={}).stdout.split()
    locked = read_requirements(shipped("tools.lock"))
    assert {canonicalize_name(name) for name in found} <= {*locked, "polaris-parsl"}
    assert {"typer", "parsl"} <= set(found)
    assert not [name for name in ("rattler", "conda_lock", "uv") if (site / name).exists()]


# pip starts them to learn the system's name, and GNU Parallel to write in colours
_OF_PIP_AND_PARALLEL = {"lsb_release", "getopt", "cut", "tr", "uname", "sh", "perl", "ps"}


def test_an_install_costs_no_more_than_was_measured(install: Any, cache: Path) -> None:
    """Ceilings of counts, on a base with a hundred packages: docs/performance.md has the figures."""
    files = [each for each in install.prefix.rglob("*") if each.is_file() and not each.is_symlink()]
    assert len(files) <= 2905, "more than the page's recipe leaves"
    wheels: dict[str, int] = {}
    for lock in ("overlay", "tools", "installer"):
        # another test may have filled the cache for another Python
        name = f"{sys.implementation.cache_tag}-{digest(shipped(f'{lock}.lock'))[:16]}"
        folder = cache / "polaris-parsl/wheels" / name
        wheels |= {each.name: each.stat().st_size for each in folder.iterdir()}
    assert sum(wheels.values()) <= 8_000_000, sorted(wheels, key=lambda each: -wheels[each])[:5]
    trace = install.prefix.parent / "programs"
    if trace.exists():
        names = re.findall(r'execve\("[^"]*/([^/"]+)", .* = 0', trace.read_text())
        own = [each for each in names if each not in _OF_PIP_AND_PARALLEL]
        assert len(own) <= 20, own
        assert len([each for each in names if each.startswith("python")]) <= 11, names


def test_an_install_ends_with_the_commands_that_load_it(install: Any) -> None:
    assert f"module use '{install.prefix}/modulefiles'" in install.stdout
    assert install.stdout.endswith("module load polaris-parsl\n")


def test_an_install_says_which_base_it_took(install: Any) -> None:
    assert f"prefix {sys.base_prefix} (from the first python3 on PATH)" in install.stdout


def test_the_receipt_names_every_file_with_its_digest(install: Any) -> None:
    receipt = json.loads((install.root / "receipt.json").read_text())
    found = builder.tree(install.root)
    files = {name: line.split()[1] for name, line in found.items() if line[:3] == "100"}
    del files["receipt.json"]
    assert receipt["files"] == files
    assert set(receipt["links"]) == {name for name, line in found.items() if line[:2] == "->"}


def test_a_version_is_readable_for_everybody_and_writable_for_nobody(install: Any) -> None:
    modes = {line.split()[0] for line in builder.tree(install.root).values()} - {"->"}
    assert modes == {"40555", "100444", "100555"}
    rest = [path for path in install.prefix.rglob("*") if install.root not in (path, *path.parents)]
    assert {f"{path.stat().st_mode:o}" for path in rest} == {"40755", "100644"}


def test_using_a_version_writes_nothing_into_it(install: Any, tmp_path: Path) -> None:
    """Root, who mostly runs this, is not stopped by a mode: what was not compiled would be written."""
    prefix = tmp_path / "project with spaces"
    shutil.copytree(install.prefix, prefix, symlinks=True)
    used = replace(install, prefix=prefix, root=prefix / "versions" / install.root.name)
    builder.unseal(used.root)
    unsealed = builder.tree(used.root)
    code = "import parsl, polaris_parsl, parsl.executors.high_throughput.process_worker_pool"
    overlay_python(used, f"{code}; parsl.Config, polaris_parsl.config")
    for words in (["version"], ["explain", "account=demo"], ["audit", "--prefix", prefix]):
        done = builder.run(used.root / "bin/polaris-parsl", *words, env=used.env)
        assert done.stdout, done.stderr
    assert builder.tree(used.root) == unsealed


# of the newest Python test_track_install.py has an install, too
@pytest.mark.parametrize(
    "version", ["3.11", *(pytest.param(f"3.{each}", marks=pytest.mark.long) for each in (12, 13))]
)
def test_every_supported_python_can_be_the_base(
    version: str, install: Any, env: dict[str, str], tmp_path: Path
) -> None:
    place = pythons.interpreters().get(version)
    if place is None:
        pytest.skip(f"CPython {version} with pip is not on this machine")
    root, said = install.root, install.stdout
    if version != f"3.{sys.version_info.minor}":
        options = ["--prefix", tmp_path / "p", "--base", place / "bin" / f"python{version}"]
        locks = ("overlay.lock", "tools.lock", "installer.lock")
        known = only_links(*locks, folder=tmp_path, env=env, python=version)
        done = builder.run(*builder.install_command(builder.REPOSITORY, *options), env=known)
        assert done.returncode == 0, done.stderr
        root, said = tmp_path / "p" / "versions" / VERSION, done.stdout
    assert f"base: CPython {version}." in said
    assert builder.made_configuration(root) == f"(3, {version[2:]}) {PARSL} 4\n"


def test_a_moved_install_still_runs(install: Any, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(install.root, moved, symlinks=True)
    env = {"PATH": "/usr/bin:/bin"}
    code = "import parsl, sys; print(sys.prefix, parsl.__file__)"
    done = builder.run(moved / "overlay/bin/python", "-c", code, env=env)
    assert done.stdout.split()[0] == str(moved / "overlay")
    assert done.stdout.split()[1].startswith(str(moved))
    assert builder.run(moved / "bin/polaris-parsl", "version", env=env).stdout == f"{VERSION}\n"
    done = builder.run(moved / "overlay/bin/process_worker_pool.py", "--help", env=env)
    assert done.returncode == 0


def test_no_file_of_an_install_names_a_staging_directory(install: Any) -> None:
    for path in install.prefix.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert b"/.staging-20" not in path.read_bytes(), path


def test_the_command_ignores_a_user_site_and_pythonpath(install: Any, tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise SystemExit('shadowed')\n")
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path), "PYTHONHOME": str(tmp_path)}
    done = builder.run(install.root / "bin/polaris-parsl", "version", env=env)
    assert done.stdout == f"{VERSION}\n"


def test_a_version_is_never_installed_over(install: Any) -> None:
    before = builder.tree(install.prefix)
    command = builder.install_command(builder.REPOSITORY, "--prefix", install.prefix)
    done = builder.run(*command, env=install.env)
    assert done.returncode == 6
    assert "exists already" in done.stderr
    assert builder.tree(install.prefix) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_killed_install_leaves_nothing(
    number: signal.Signals, env: dict[str, str], tmp_path: Path
) -> None:
    prefix = tmp_path / "prefix"
    command = builder.install_command(
        builder.REPOSITORY, "--prefix", prefix, "--base", sys.base_prefix
    )
    with subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "build the overlay" in line:
                assert list((prefix / "versions").glob(".staging-*"))
                process.send_signal(number)
                break
        rest = process.stderr.read()
    assert process.returncode in {128 + number, 1}, rest
    assert not prefix.exists()


def test_a_full_disk_leaves_nothing_and_is_named(env: dict[str, str], tmp_path: Path) -> None:
    space = builder.namespace("-rm")
    disk = tmp_path / "disk"
    disk.mkdir()
    install = builder.install_command(
        builder.REPOSITORY, "--prefix", disk / "prefix", "--base", sys.base_prefix
    )
    script = (
        'mount -t tmpfs -o size=40m tmpfs "$1" && { shift; "$@"; code=$?; ls -A "$0"; exit $code; }'
    )
    done = builder.run(*space, "sh", "-c", script, disk, disk, *install, env=env)
    assert done.returncode == ExitCode.PREFIX, done.stderr
    assert "error: the disk is full" in done.stderr
    assert "prefix" not in done.stdout.splitlines()
