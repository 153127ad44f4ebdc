"""What several kinds of tests need: real installs, each made once for the whole run, and Lmod."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import builder
import conda_channel
import conda_python
from builder import Install
from code_blocks import typed
from polaris_parsl.version import VERSION
from shared import Shared

# Machines may be slow: no property has a limit of time.
settings.register_profile(
    "usual", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", settings.get_profile("usual"), max_examples=1000)
settings.load_profile("usual")

# What takes longest begins first, so that no worker ends long after the others. While the first builds what many
# share, the other workers run what needs none of it.
_FIRST = (
    "install/test_base_again.py", "workflow/test_faults.py", "workflow/test_nodes.py", "sandbox/test_replay.py",
    "adopt/test_hostile.py", "install/test_users.py", "install/test_drift.py", "install", "doctor/test_set_ups.py",
    "parsl_suite", "workflow", "user_environments", "crashes", "sandbox",
)  # fmt: skip
CHANNEL = pytest.StashKey[tuple[str, str]]()

_LMOD = ("/usr/share/lmod/lmod/init/bash", "/opt/cray/pe/lmod/lmod/init/bash")


def pytest_configure(config: pytest.Config) -> None:
    """Let Ctrl-C and SIGHUP end what the tests start, also where they are ignored: a background job, nohup.

    The channel is served here and not by a worker: it must answer until the last one has ended.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if worker := getattr(config, "workerinput", None):
        _collect_others_first(config, worker)
    else:
        served = ExitStack()
        folder = served.enter_context(TemporaryDirectory(prefix="polaris-parsl-channel-"))
        address = served.enter_context(conda_channel.served(Path(folder)))
        config.stash[CHANNEL] = folder, address
        config.add_cleanup(served.close)


def _collect_others_first(config: pytest.Config, worker: dict[str, Any]) -> None:
    """Let each worker begin to collect elsewhere.

    In a fresh clone pytest compiles each module of the tests, which takes longer than all else that collects. At the
    same pace in the same order every worker would compile every one; like this each finds most of them compiled.
    """
    folder = Path(__file__).parent
    if [Path(each).resolve() for each in config.args] != [folder.resolve()]:
        return
    files = sorted(map(str, folder.rglob("test_*.py")))
    number = int(worker["workerid"].removeprefix("gw"))
    first = len(files) * number // worker["workercount"]
    config.args[:] = files[first:] + files[:first]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage among what stays: while tests are collected, that takes a quarter of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first, in the same order in each worker; each file stays in one piece."""

    def place(item: pytest.Item) -> tuple[int, str]:
        name = item.path.relative_to(Path(__file__).parent).as_posix()
        found = (number for number, first in enumerate(_FIRST) if name.startswith(first))
        return next(found, len(_FIRST)), name

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where the channel is that its parent serves."""
    node.workerinput["channel"] = node.config.stash[CHANNEL]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """The directory of this run; below the temporary directory of pytest, which deletes old ones."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return Shared(folder)


@pytest.fixture(scope="session")
def cache(shared: Shared) -> Path:
    """The cache directory of all installs of this run; it holds the tools environment.

    That of scripts/test.sh is taken where it is there, with its wheels.
    """

    def fill(folder: Path) -> Path:
        own = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        builder.copy_cache(own, folder, locks=("tools.lock", "installer.lock"))
        env = builder.environment(folder, folder)
        done = builder.run(builder.PYTHON, builder.BOOTSTRAP, "--only-print-python", env=env)
        assert done.returncode == 0, done.stderr
        return folder

    return shared.make("cache", fill)


@pytest.fixture
def env(cache: Path, tmp_path: Path) -> dict[str, str]:
    """Environment of a user with an empty home."""
    home = tmp_path / "home"
    home.mkdir()
    return builder.environment(home, cache)


@pytest.fixture(scope="session")
def install(cache: Path, shared: Shared) -> Install:
    """scripts/install.sh on the Python that runs the tests, into a path that needs quoting.

    No test changes it: all workers of this run use it at the same time.
    """

    def build(folder: Path) -> Install:
        env = builder.user_environment(folder, cache)
        env["PATH"] = f"{sys.base_prefix}/bin:{env['PATH']}"
        program = builder.REPOSITORY / "scripts/install.sh"
        traced = builder.traced(folder / "programs")
        return builder.installed(folder / "project with spaces", *traced, program, env=env)

    return shared.make("install", build)


@pytest.fixture(scope="session")
def filled_cache(cache: Path, install: Install) -> Path:
    """The cache with wheels and byte code of an install, which not every worker fetches and compiles."""
    return cache


@pytest.fixture(scope="session")
def conda_base(shared: Shared) -> Path:
    """A conda prefix whose typeguard is too old for Parsl and whose filelock is not ours."""

    def build(folder: Path) -> Path:
        base = builder.stand_in_base(folder / "mconda3", conda=True)
        site = builder.site_packages(base)
        builder.add_distribution(site, "typeguard", "2.13.3")
        builder.add_distribution(site, "filelock", "3.20.0")
        builder.add_distribution(site, "needs-old", "1.0", "typeguard<3")
        done = builder.run(base / "bin/python", "-I", "-m", "compileall", "-q", site, env={})
        assert done.returncode == 0, done.stdout
        return base

    return shared.make("soft", build)


@pytest.fixture(scope="session")
def channel(request: pytest.FixtureRequest) -> tuple[Path, str]:
    """The directory that is served on loopback as long as this run lasts, and its address."""
    config = request.config
    folder, address = getattr(config, "workerinput", {}).get("channel") or config.stash[CHANNEL]
    return Path(folder), address


@pytest.fixture(scope="session")
def conda_folder(channel: tuple[Path, str], shared: Shared) -> Path:
    """A conda channel on disk: GNU Parallel and the perl that it needs, Python and what that needs."""

    def build(scratch: Path) -> Path:
        programs = [conda_channel.gnu_parallel(), conda_channel.perl()]
        conda_channel.make_channel(channel[0], [*programs, *conda_python.packages(scratch)])
        return channel[0]

    return shared.make("channel", build)


@pytest.fixture(scope="session")
def conda_source(conda_folder: Path, channel: tuple[Path, str], shared: Shared) -> Path:
    """A source tree whose conda part is locked over a channel that answers."""

    def build(folder: Path) -> Path:
        source = builder.copy_source(folder / "source")
        conda_channel.lock(source, channel[1], env=builder.environment(folder, folder))
        return source

    return shared.make("conda-source", build)


@pytest.fixture(scope="session")
def conda_install(
    filled_cache: Path, conda_base: Path, conda_source: Path, shared: Shared
) -> Install:
    """An install on the conda prefix, as if a module held it, with GNU Parallel from a channel."""

    def build(folder: Path) -> Install:
        options = ["--base", conda_base, "--base-module", "conda/2025-09-25"]
        command = builder.install_command(conda_source, *options)
        env = builder.user_environment(folder, filled_cache)
        return builder.installed(folder / "prefix", *command, env=env)

    return shared.make("conda-install", build)


@pytest.fixture(scope="session")
def wheelhouse(filled_cache: Path, conda_source: Path, shared: Shared) -> Path:
    """A wheelhouse for the Python of the tests, with the conda archives, those of the locked base, too."""

    def build(folder: Path) -> Path:
        target = folder / "wheel house"
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        (documented,) = typed("docs/locks.md", "$ python3 scripts/bootstrap.py wheelhouse /project")
        _, _, verb, _ = documented.command.split()
        command = builder.command(conda_source, verb, target, "--python", python, "--with-base")
        done = builder.run(*command, env=builder.user_environment(folder, filled_cache))
        assert done.returncode == 0, done.stderr
        assert f"--wheelhouse '{target}'" in done.stdout
        # there the path needs no quotes, and nobody asked for the base
        places = {"'": "", " --base locked": "", target: "/project/house", VERSION: "VERSION"}
        assert documented.shows(done.stdout, places), done.stdout
        return target

    return shared.make("wheelhouse", build)


@pytest.fixture(scope="session")
def locked_install(cache: Path, conda_source: Path, wheelhouse: Path, shared: Shared) -> Install:
    """An install on the locked base, from the wheelhouse, without a network, begun by the system's Python."""

    def build(folder: Path) -> Install:
        (documented,) = typed("docs/locks.md", "$ scripts/install.sh --base locked")
        program, *options, _, _ = documented.command.split()
        command = [*builder.namespace("--net", "--map-root-user"), conda_source / program, *options]
        command += ["--wheelhouse", wheelhouse]
        env = builder.user_environment(folder, cache)
        return builder.installed(folder / "project", *command, env=env)

    return shared.make("locked-install", build)


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
