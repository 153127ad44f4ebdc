import tomllib
from pathlib import Path

import pytest
import yaml

from polaris_parsl.env.installer.plan import InstallRequest
from polaris_parsl.env.locks.files import (
    lock_names,
    overlay_lock,
    read_requirements,
    read_tracks,
    track_requirements,
)
from polaris_parsl.errors import LockError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.files import shipped
from polaris_parsl.version import VERSION

ENVIRONMENT = shipped("environment.yml")


def request(track: str) -> InstallRequest:
    return InstallRequest(Path("/prefix"), None, None, (), track=track)


def test_the_tracks_lock_the_releases_of_parsl_that_the_facts_name() -> None:
    tracks = read_tracks(ENVIRONMENT)
    locked = {read_requirements(shipped(overlay_lock(name)))["parsl"].version for name in tracks}
    assert locked == set(polaris().parsl.locked)
    assert f"parsl=={polaris().parsl.locked[0]}" in tracks["current"]


def test_the_endpoint_of_the_track_mep_is_tested_with_the_parsl_of_that_track() -> None:
    pins = read_requirements(shipped(overlay_lock("mep")))
    tested = polaris().globus_compute.tested
    assert tested[pins["globus-compute-endpoint"].version] == pins["parsl"].version


def test_the_track_monitoring_is_the_current_one_and_what_the_monitoring_of_parsl_needs() -> None:
    current, monitoring = (
        {pin.requirement for pin in read_requirements(shipped(overlay_lock(name))).values()}
        for name in ("current", "monitoring")
    )
    added = {each.partition("==")[0] for each in monitoring - current}
    assert (current - monitoring, added) == (set(), {"sqlalchemy", "greenlet"})


def test_every_lock_is_in_the_wheel() -> None:
    project = tomllib.loads(ENVIRONMENT.with_name("pyproject.toml").read_text())
    shipped_files = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert set(lock_names(ENVIRONMENT)) <= set(shipped_files)


def test_the_name_of_a_track_is_in_the_name_of_the_release() -> None:
    assert request("current").release == VERSION
    assert request("mep").release == f"{VERSION}-mep"


@pytest.mark.parametrize("name", ["no-such", "../..", ""])
def test_an_unknown_track_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(LockError, match="there are: current, mep, monitoring"):
        request(name)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("environment-Up.yml", "dependencies: [{pip: [parsl==1]}]", "a track named 'Up'"),
        ("environment-a.b.yml", "dependencies: [{pip: [parsl==1]}]", r"a track named 'a\.b'"),
        ("environment-current.yml", "dependencies: [{pip: [parsl==1]}]", "a track named 'current'"),
        ("environment-mep.yml", "dependencies: [{pip: []}]", "has no section `pip:`"),
        ("environment-mep.yml", "dependencies: [python]", "has no section `pip:`"),
        ("environment-mep.yml", "dependencies: python", "has no list `dependencies`"),
        ("environment-mep.yml", "dependencies: [{pip: [parsl>=1]}]", "not pinned to one version"),
        ("environment-mep.yml", "[mep]", "is not a mapping"),
    ],
)
def test_a_malformed_track_is_refused(name: str, text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "environment.yml"
    path.write_text("dependencies: [python, {pip: [parsl==1]}]\n")
    (tmp_path / name).write_text(f"{text}\n")
    with pytest.raises(LockError, match=problem):
        track_requirements(path, "mep")


@pytest.mark.parametrize(
    "name", ["environment.yml", "environment-mep.yml", "environment-monitoring.yml"]
)
def test_the_environment_files_have_only_keys_that_conda_and_conda_lock_know(name: str) -> None:
    data = yaml.safe_load(ENVIRONMENT.with_name(name).read_text())
    assert set(data) == {"name", "channels", "platforms", "dependencies"}
    names = {str(each).partition("=")[0] for each in data["dependencies"] if isinstance(each, str)}
    assert names == {"python", "pip", "parallel"}
