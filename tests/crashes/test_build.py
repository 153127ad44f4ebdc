"""A whole install: until it is renamed into place, users see nothing of it."""

import json
import sys
from pathlib import Path

import pytest

import builder
import kills
from polaris_parsl.version import VERSION


@pytest.mark.usefixtures("filled_cache")
def test_users_see_nothing_of_an_install_before_it_is_complete(
    env: dict[str, str], tmp_path: Path
) -> None:
    prefix = tmp_path / "prefix"
    kills.install(prefix, kills.OLD)
    tests = str(Path(kills.__file__).parent)
    source = str(builder.REPOSITORY / "src")
    command = [sys.executable, Path(__file__).with_name("watched_install.py"), prefix]
    done = builder.run(
        *command, "--base", sys.base_prefix, env={**env, "PYTHONPATH": f"{tests}:{source}"}
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.rpartition("\n{")[2].join(("{", "")))
    assert report["exit"] in {None, 0}
    assert report["operations"] > 200
    before, *steps = report["seen"]
    appeared = [
        sorted(set(now) - set(last)) for last, now in zip(report["seen"], steps, strict=False)
    ]
    names = [[each.partition(" ")[0] for each in names] for names in appeared]
    lua, tcl = "modulefiles/polaris-parsl", "modulefiles-tcl/polaris-parsl"
    assert names == [
        [f"versions/{VERSION}"],
        [f"{lua}/{VERSION}.lua"],
        [f"{tcl}/{VERSION}"],
        [f"{lua}/.modulerc.lua"],
        [f"{tcl}/.modulerc"],
    ]
    # nothing went but what was replaced
    assert {each.partition(" ")[0] for each in before} <= {
        each.partition(" ")[0] for each in steps[-1]
    }
