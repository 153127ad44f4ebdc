"""What several kinds of tests need: real installs, each made once for the whole run, and Lmod."""

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import builder
import conda_channel

_LMOD = ("/usr/share/lmod/lmod/init/bash", "/opt/cray/pe/lmod/lmod/init/bash")


def pytest_configure() -> None:
    """Let Ctrl-C end what the tests start, also where it is ignored: a shell's background job."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Install:
    """A finished install: its prefix, where its version lies, and what the command said."""

    prefix: Path
    root: Path
    env: dict[str, str]
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache directory of all installs of this run; filled by the first one."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def env(cache: Path, tmp_path: Path) -> dict[str, str]:
    """Environment of a user with an empty home."""
    home = tmp_path / "home"
    home.mkdir()
    return builder.environment(home, cache)


@pytest.fixture(scope="session")
def install(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Install:
    """scripts/install.sh on the Python that runs the tests, into a path that needs quoting."""
    env = builder.environment(tmp_path_factory.mktemp("home"), cache)
    env["PATH"] = f"{sys.base_prefix}/bin:{env['PATH']}"
    prefix = tmp_path_factory.mktemp("prefix") / "project with spaces"
    done = builder.run(builder.REPOSITORY / "scripts/install.sh", "--prefix", prefix, env=env)
    return _finished(prefix, env, done)


@pytest.fixture(scope="session")
def conda_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conda prefix whose typeguard is too old for Parsl and whose filelock is not ours."""
    base = builder.stand_in_base(tmp_path_factory.mktemp("soft") / "mconda3", conda=True)
    site = builder.site_packages(base)
    builder.add_distribution(site, "typeguard", "2.13.3")
    builder.add_distribution(site, "filelock", "3.20.0")
    builder.add_distribution(site, "needs-old", "1.0", "typeguard<3")
    return base


@pytest.fixture(scope="session")
def conda_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conda channel on disk: GNU Parallel and the perl that it needs."""
    folder = tmp_path_factory.mktemp("channel")
    conda_channel.make_channel(folder)
    return folder


@pytest.fixture(scope="session")
def conda_source(conda_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A source tree whose conda part is locked over a channel that answers."""
    folder = tmp_path_factory.mktemp("conda-source")
    source = builder.copy_source(folder / "source")
    with conda_channel.served(conda_folder) as address:
        conda_channel.lock(source, address, env=builder.environment(folder, folder))
        yield source


@pytest.fixture(scope="session")
def conda_install(
    cache: Path, conda_base: Path, conda_source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Install:
    """An install on the conda prefix, as if a module held it, with GNU Parallel from a channel."""
    prefix = tmp_path_factory.mktemp("conda-install") / "prefix"
    env = builder.environment(tmp_path_factory.mktemp("home"), cache)
    options = ["--prefix", prefix, "--base", conda_base, "--base-module", "conda/2025-09-25"]
    done = builder.run(*builder.install_command(conda_source, *options), env=env)
    return _finished(prefix, env, done)


@pytest.fixture(scope="session")
def wheelhouse(cache: Path, conda_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheelhouse for the Python of the tests, conda archives included."""
    target = tmp_path_factory.mktemp("wheelhouse") / "wheel house"
    env = builder.environment(tmp_path_factory.mktemp("home"), cache)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = builder.command(conda_source, "wheelhouse", target, "--python", python)
    done = builder.run(*command, env=env)
    assert done.returncode == 0, done.stderr
    assert f"--wheelhouse '{target}'" in done.stdout
    return target


def _finished(prefix: Path, env: dict[str, str], done: CompletedProcess[str]) -> Install:
    assert done.returncode == 0, done.stderr
    (root,) = (prefix / "versions").iterdir()
    return Install(prefix, root, env, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def lmod() -> Path:
    """Lmod's start-up file for bash."""
    for name in _LMOD:
        if Path(name).exists():
            return Path(name)
    if "lmod" in os.environ.get("POLARIS_PARSL_REQUIRE", ""):
        pytest.fail(f"Lmod is required, but there is none of {_LMOD}")
    pytest.skip("Lmod is not on this machine")


@pytest.fixture(scope="session")
def environment_modules() -> Path:
    """The start-up file for bash of Environment Modules."""
    given = os.environ.get("ENVIRONMENT_MODULES_INIT", "/usr/share/modules/init/bash")
    if not Path(given).exists():
        if "environment-modules" in os.environ.get("POLARIS_PARSL_REQUIRE", ""):
            pytest.fail(f"there is no {given}")
        pytest.skip(f"Environment Modules is not on this machine: there is no {given}")
    return Path(given)
