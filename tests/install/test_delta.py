"""What the overlay adds to a base, whatever state the base is in."""

import json
import marshal
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import builder
from polaris_parsl.env.base.choice import Base, probe
from polaris_parsl.env.installer.byte_code import BYTE_CODE, byte_code
from polaris_parsl.env.installer.delta import Delta, compute_delta, refuse_unprotected
from polaris_parsl.env.installer.environments import create, fill
from polaris_parsl.env.installer.locked_base import compile_all
from polaris_parsl.env.installer.wheel_files import OpenWheel
from polaris_parsl.env.installer.wheels import Wheel, fetch
from polaris_parsl.env.locks.files import read_requirements, track_requirements
from polaris_parsl.env.release_names import CURRENT
from polaris_parsl.env.variables import for_python
from polaris_parsl.errors import LockError, OptionError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.files import digest, shipped

REQUIREMENTS = track_requirements(shipped("environment.yml"), CURRENT)
LOCKED = {name: pin.version for name, pin in read_requirements(shipped("overlay.lock")).items()}

# If overlay.lock has them, the packages of ALCF's bases: argonne-lcf/conda_install_scripts,
# alcf_polaris/logs/pip-list-conda-2026-09-17.txt at a87b5c80, with what pins some of them there.
NEWEST = {
    "certifi": "2026.7.22",
    "charset-normalizer": "3.5.1",
    "dill": "0.4.1",
    "filelock": "3.32.6",
    "idna": "3.19",
    "parsl": "2026.2.23",
    "psutil": "7.2.2",
    "pyzmq": "26.1.0",
    "requests": "2.34.2",
    "setproctitle": "1.3.7",
    "sortedcontainers": "2.4.0",
    "tblib": "1.7.0",
    "typeguard": "4.6.0",
    "typing-extensions": "4.16.0",
    "urllib3": "2.7.0",
}


@pytest.fixture(scope="module")
def wheels(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Wheel]:
    """The locked wheels for the Python of the tests, in a directory of their own."""
    env = builder.environment(tmp_path_factory.mktemp("home"), cache)
    scratch = tmp_path_factory.mktemp("scratch")
    python = probe(Path(sys.base_prefix, "bin/python3"), names=(), env=env)
    kept = cache / "polaris-parsl" / "wheels"
    wheels = fetch(shipped("overlay.lock"), base=python, cache=kept, scratch=scratch, env=env)
    copies = tmp_path_factory.mktemp("wheels")
    return {
        name: replace(wheel, path=Path(shutil.copy(wheel.path, copies)))
        for name, wheel in wheels.items()
    }


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A base with pip alone."""
    return builder.stand_in_base(tmp_path / "base")


@pytest.fixture
def delta(
    wheels: dict[str, Wheel], base: Path, env: dict[str, str], tmp_path: Path
) -> Callable[..., Delta]:
    """Computes the delta of the base as it is."""

    def compute(
        *requirements: str, allowed: tuple[str, ...] = (), more: Wheel | None = None
    ) -> Delta:
        known = {**wheels, more.name: more} if more else wheels
        wanted = [*REQUIREMENTS, *requirements]
        asked = look(base, env, *known)
        found = compute_delta(wanted, known, asked, allowed=allowed)
        broken = {name for name, why in found.why.items() if "without" in why or "times" in why}
        by_pip = chosen_by_pip(wanted, known, asked, broken, tmp_path, env)
        assert {wheel.path.name for wheel in found.install} == by_pip
        return found

    return compute


def for_offline_pip(env: dict[str, str]) -> dict[str, str]:
    """For a pip that must use its arguments alone: no settings, no user site."""
    kept = {name: value for name, value in for_python(env).items() if not name.startswith("PIP_")}
    return {**kept, "PIP_CONFIG_FILE": "/dev/null", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def chosen_by_pip(  # noqa: PLR0917 - of one test
    requirements: list[str],
    wheels: dict[str, Wheel],
    base: Base,
    broken: set[str],
    folder: Path,
    env: dict[str, str],
) -> set[str]:
    """The wheels that pip would install beside what the base has, with nothing else to choose from."""
    empty = Path(tempfile.mkdtemp(dir=folder), "empty")
    create(empty, base, sees_base=True)
    # the base's
    command: list[str | Path] = [empty / "bin/python", "-I", "-m", "pip", "install"]
    command += ["--dry-run", "--report", "-", "--quiet", "--only-binary", ":all:", "--no-index"]
    command += ["--find-links", wheels["parsl"].path.parent, *requirements]
    # pip believes the metadata of the base
    command += [f"{name}=={wheels[name].version}" for name in sorted(broken)]
    done = builder.run(*command, env=for_offline_pip(env))
    assert done.returncode == 0, done.stderr
    chosen = json.loads(done.stdout)["install"]
    names = {Path(entry["download_info"]["url"]).name for entry in chosen}
    return names | {wheels[name].path.name for name in broken}


def look(base: Path, env: dict[str, str], *names: str) -> Base:
    return probe(base / "bin/python", names=names or tuple(LOCKED), env=env)


def real(base: Path, wheels: dict[str, Wheel], *names: str) -> Path:
    """Put locked packages into a base unchanged; gives its directory of packages."""
    site = builder.site_packages(base)
    for name in names:
        with zipfile.ZipFile(wheels[name].path) as archive:
            archive.extractall(site)
    return site


def test_a_base_without_any_of_them_gets_all(delta: Callable[..., Delta]) -> None:
    found = delta()
    assert {wheel.name for wheel in found.install} == LOCKED.keys()
    assert set(found.why.values()) == {"the base has none"}
    assert (found.from_base, found.depends_on) == ({}, frozenset())


def test_the_newest_base_of_alcf_gets_parsl_and_keeps_the_rest(
    delta: Callable[..., Delta], base: Path
) -> None:
    for name, version in NEWEST.items():
        builder.add_distribution(builder.site_packages(base), name, version)
    found = delta()
    assert found.why == {"parsl": "the base has 2026.2.23, which is not accepted"}
    assert found.from_base == {name: NEWEST[name] for name in sorted(NEWEST) if name != "parsl"}


def test_a_base_with_the_locked_parsl_gets_no_second_one(
    delta: Callable[..., Delta], base: Path, wheels: dict[str, Wheel]
) -> None:
    real(base, wheels, *wheels)
    found = delta()
    assert found.install == ()
    assert found.from_base["parsl"] == LOCKED["parsl"]


def test_what_only_a_package_of_the_lock_requires_is_not_wanted_if_the_base_has_another_release_of_it(
    delta: Callable[..., Delta], base: Path
) -> None:
    builder.add_distribution(builder.site_packages(base), "requests", "2.33.0", "idna")
    found = delta()
    assert {"certifi", "charset-normalizer", "urllib3"}.isdisjoint(found.why)
    assert found.why["idna"] == "the base has none"
    assert found.from_base == {"requests": "2.33.0"}


def test_what_packages_of_the_base_require_there_is_a_dependency_too(
    delta: Callable[..., Delta], base: Path
) -> None:
    site = builder.site_packages(base)
    requires = ("helper>=1", "windows; sys_platform == 'win32'", "optional; extra == 'more'")
    builder.add_distribution(site, "filelock", "3.20.0", *requires)
    for name in ("helper", "windows", "optional", "apart"):
        builder.add_distribution(site, name, "1.0", "far[more]")
    builder.add_distribution(site, "far", "1.0", "nearer; extra == 'more'")
    builder.add_distribution(site, "nearer", "1.0")
    assert delta().depends_on == {"filelock", "helper", "far", "nearer"}


def test_a_damaged_package_of_the_base_is_replaced_by_the_locked_one(
    delta: Callable[..., Delta], base: Path, wheels: dict[str, Wheel]
) -> None:
    site = real(base, wheels, "typeguard", "dill", "tblib", "idna", "filelock")
    (site / "typeguard/__init__.py").unlink()
    next(site.glob("dill-*/METADATA")).unlink()
    (info,) = site.glob("tblib-*.dist-info")
    info.rename(site / "other")
    builder.add_distribution(site, "idna", "2.13.3")
    found = delta()
    damages = {
        "typeguard": "the base has {} without typeguard/__init__.py",
        "dill": "the base has {} without metadata",
        "tblib": "the base has none",
        "idna": "the base has it 2 times: 2.13.3, {}",
    }
    assert {name: found.why[name] for name in damages} == {
        name: why.format(LOCKED[name]) for name, why in damages.items()
    }
    assert not damages.keys() & found.depends_on
    assert found.from_base == {"filelock": LOCKED["filelock"]}


def test_a_damaged_package_of_another_version_is_replaced_with_what_fits_it(
    delta: Callable[..., Delta], base: Path
) -> None:
    site = builder.site_packages(base)
    builder.add_distribution(site, "requests", "2.28.0", "urllib3<2", "chardet<6")
    builder.add_distribution(site, "urllib3", "1.26.5")
    (site / "urllib3.py").unlink()
    found = delta()
    assert found.why["urllib3"] == "the base has 1.26.5 without urllib3.py"
    assert found.why["requests"] == "the base has 2.28.0, which is not accepted"


@pytest.fixture
def foreign(wheels: dict[str, Wheel]) -> Iterator[Wheel]:
    """A wheel of mpi4py, as if somebody had locked one, in a directory with the locked ones."""
    folder = wheels["parsl"].path.parent
    path = folder / "mpi4py-9.9-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mpi4py.py", "")
        archive.writestr("mpi4py-9.9.dist-info/METADATA", "Name: mpi4py\nVersion: 9.9\n")
        archive.writestr("mpi4py-9.9.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("mpi4py-9.9.dist-info/RECORD", "")
    yield Wheel("mpi4py", "9.9", path, digest(path))
    path.unlink()


def test_a_protected_package_of_the_base_is_not_shadowed_unless_asked(
    delta: Callable[..., Delta], base: Path, foreign: Wheel
) -> None:
    assert "mpi4py" in {wheel.name for wheel in delta("mpi4py>=5", more=foreign).install}
    builder.add_distribution(builder.site_packages(base), "mpi4py", "4.1.2")
    with pytest.raises(LockError, match=r"mpi4py .* before the base's 4\.1\.2.*MPI.*") as refusal:
        delta("mpi4py>=5", more=foreign)
    assert "--allow-shadow mpi4py" in refusal.value.remedy
    result = delta("mpi4py>=5", allowed=("mpi4py",), more=foreign)
    assert result.why["mpi4py"] == "the base has 4.1.2, which is not accepted"
    assert delta("mpi4py>=4", more=foreign).from_base["mpi4py"] == "4.1.2"


def test_a_name_that_is_not_protected_needs_no_permission() -> None:
    refuse_unprotected(sorted(polaris().protected.names))
    with pytest.raises(OptionError, match="--allow-shadow mpi4pi: that package is not protected"):
        refuse_unprotected(["mpi4pi"])


def test_no_locked_package_is_a_protected_one() -> None:
    assert not LOCKED.keys() & polaris().protected.names


def test_pip_installs_the_same_tree(
    wheels: dict[str, Wheel], base: Path, env: dict[str, str], cache: Path, tmp_path: Path
) -> None:
    asked = look(base, env)
    opened = [OpenWheel(each, asked.minor) for each in wheels.values()]
    code = byte_code(opened, base=asked, cache=cache / "polaris-parsl" / BYTE_CODE, env=env)
    for tool in ("ours", "pip"):
        create(tmp_path / tool / "overlay", asked, sees_base=True)
    fill(tmp_path / "ours/overlay", opened, code, base=asked)
    with_pip(base, tmp_path / "pip/overlay", wheels, env)
    compile_all(tmp_path / "pip/overlay/bin/python", tmp_path / "pip/overlay", env=env)
    ours, by_pip = (builder.tree(tmp_path / tool / "overlay") for tool in ("ours", "pip"))
    # nothing imports the tests of Parsl
    left_out = {name for name in by_pip if "/parsl/tests/" in name and "__pycache__" in name}
    assert left_out
    assert ours.keys() == by_pip.keys() - left_out
    assert len(ours) > 1000
    differing = {
        name
        for name in ours
        if ours[name] != by_pip[name]
        and not is_same_code(*(tmp_path / tool / "overlay" / name for tool in ("ours", "pip")))
    }
    # who installed it, and the programs, which name their Python
    modules = {Path(name).name for name in differing if not name.startswith("bin/")}
    assert modules == {"INSTALLER", "RECORD"}
    assert (tmp_path / "pip/overlay/bin/parsl-perf").read_text().startswith(f"#!{tmp_path}")
    assert records(tmp_path / "ours/overlay") == records(tmp_path / "pip/overlay")


def is_same_code(one: Path, other: Path) -> bool:
    """Whether two files hold the same byte code, whichever of its objects marshal has written once."""
    if one.suffix != ".pyc":
        return False
    first, second = one.read_bytes(), other.read_bytes()
    return first[:16] == second[:16] and marshal.loads(first[16:]) == marshal.loads(second[16:])


def records(environment: Path) -> dict[str, set[str]]:
    """The files that each distribution says it has, without byte code."""
    return {
        path.parent.name: {
            name
            for name in (line.split(",")[0] for line in path.read_text().splitlines())
            if "__pycache__" not in name
        }
        for path in environment.glob("lib/python3.*/site-packages/*.dist-info/RECORD")
    }


def with_pip(base: Path, folder: Path, wheels: dict[str, Wheel], env: dict[str, str]) -> None:
    listed = folder.with_name("hashes.txt")
    listed.write_text("".join(f"{wheel.requirement}\n" for wheel in wheels.values()))
    command = [base / "bin/python", "-m", "pip", "--python", folder / "bin/python", "install"]
    command += [
        "--no-deps",
        "--require-hashes",
        "--no-index",
        "--no-compile",
        "--requirement",
        listed,
    ]
    command += ["--find-links", wheels["parsl"].path.parent]
    done = builder.run(*command, env=for_offline_pip(env))
    assert done.returncode == 0, done.stderr
