import tomllib
from pathlib import Path

import pytest

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


def test_every_lock_is_in_the_wheel() -> None:
    project = tomllib.loads(ENVIRONMENT.with_name("pyproject.toml").read_text())
    shipped_files = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert set(lock_names(ENVIRONMENT)) <= set(shipped_files)


def test_the_name_of_a_track_is_in_the_name_of_the_release() -> None:
    assert request("current").release == VERSION
    assert request("mep").release == f"{VERSION}-mep"


@pytest.mark.parametrize("name", ["no-such", "../..", ""])
def test_an_unknown_track_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(LockError, match="there are: current, mep"):
        request(name)


@pytest.mark.parametrize(
    ("tracks", "problem"),
    [
        ("{Up: [parsl==1]}", "a track named 'Up'"),
        ("{../x: [parsl==1]}", "a track named '../x'"),
        ("{current: [parsl==1]}", "a track named 'current'"),
        ("{1: [parsl==1]}", "a track named 1"),
        ("{mep: []}", "no list `tracks: mep`"),
        ("{mep: [parsl>=1]}", "not pinned to one version"),
        ("[mep]", "is not a mapping"),
    ],
)
def test_a_malformed_track_is_refused(tracks: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "environment.yml"
    path.write_text(f"overlay: [parsl==1]\ntracks: {tracks}\n")
    with pytest.raises(LockError, match=problem):
        track_requirements(path, "mep")
