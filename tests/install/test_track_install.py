"""An install of another track than the current one."""

import json
import re
import sqlite3
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

import builder
import pythons
from code_blocks import typed
from package_links import only_links
from polaris_parsl.env.locks.files import read_requirements, track_requirements
from polaris_parsl.files import shipped
from polaris_parsl.version import VERSION

# most of what a track installs an install has fetched and compiled
pytestmark = pytest.mark.usefixtures("filled_cache")

MONITORED = """\
import parsl, polaris_parsl

@parsl.python_app
def double(number):
    return 2 * number

if __name__ == "__main__":
    options = {"account": "datascience", "available_accelerators": 1}
    with parsl.load(polaris_parsl.config(monitoring=True, **options)):
        print(sum(each.result() for each in [double(number) for number in range(5)]))
"""


def with_python(env: dict[str, str]) -> dict[str, str]:
    """The same, for install.sh: it takes the first python3 of PATH, here that of the tests."""
    return {**env, "PATH": f"{builder.PYTHON.parent}:{env['PATH']}"}


def test_a_track_is_installed_beside_the_current_one_on_the_newest_python(
    env: dict[str, str], tmp_path: Path
) -> None:
    minor, place = max(pythons.interpreters().items())
    base, prefix = place / f"bin/python{minor}", tmp_path / "prefix"
    (track,) = typed("docs/locks.md", "$ scripts/install.sh --track mep")
    program, *words = track.command.split()
    command = [builder.REPOSITORY / program, *words, "--prefix", prefix, "--base", base]
    locks = ("overlay-mep.lock", "tools.lock")
    known = only_links(*locks, folder=tmp_path, env=env, python=minor)
    done = builder.run(*command, env=with_python(known))
    assert done.returncode == 0, done.stderr
    assert f"base: CPython {minor}." in done.stdout
    assert done.stdout.endswith(f"module load polaris-parsl/{VERSION}-mep\n")
    root = prefix / "versions" / f"{VERSION}-mep"
    receipt = json.loads((root / "receipt.json").read_text())
    assert receipt["track"] == "mep"
    assert set(receipt["locks"]) == {
        *("conda-lock.yml", "overlay-mep.lock", "tools.lock", "installer.lock")
    }
    added = {f"{entry['name']}=={entry['version']}" for entry in receipt["overlay"]}
    assert added >= set(track_requirements(shipped("environment.yml"), "mep"))
    # the command explains with the Parsl of the overlay
    (found,) = root.glob("*/lib/python3.*/site-packages/parsl-*.dist-info")
    assert found.name == f"parsl-{receipt['parsl']}.dist-info"
    assert found.is_relative_to(root / "overlay")
    made = builder.made_configuration(root)
    assert made.startswith(f"(3, {minor[2:]}) ")
    assert made.endswith(" 4\n")
    # the command does without the base; what the track adds to the overlay may need it
    pip = [base, "-m", "pip", "--python", root / "tools/bin/python"]
    checked = builder.run(*pip, "check", env=env)
    lacking = dict(re.findall(r"(?m)^(\S+) \S+ requires (\S+), which is not", checked.stdout))
    assert checked.returncode == bool(lacking), checked.stdout
    assert lacking.keys().isdisjoint(read_requirements(shipped("tools.lock"))), checked.stdout
    assert {canonicalize_name(each) for each in lacking.values()} <= receipt["from_base"].keys()
    # `module load polaris-parsl` goes on to load what it loaded before
    assert "the default has not changed: none" in done.stdout
    modules = prefix / "modulefiles" / "polaris-parsl"
    assert {path.name for path in modules.iterdir()} == {f"{VERSION}-mep.lua", ".modulerc.lua"}
    assert "module_version" not in (modules / ".modulerc.lua").read_text()


def test_an_install_of_the_track_monitoring_keeps_the_database_that_config_is_asked_for(
    env: dict[str, str], tmp_path: Path
) -> None:
    prefix, run = tmp_path / "prefix", tmp_path / "run"
    build, load = typed("docs/configuration.md", "scripts/install.sh --track monitoring")
    program, *words = build.command.replace("/eagle/PROJECT/polaris-parsl", str(prefix)).split()
    command = [builder.REPOSITORY / program, *words, "--base", builder.PYTHON]
    known = only_links("overlay-monitoring.lock", folder=tmp_path, env=env)
    done = builder.run(*command, env=with_python(known))
    assert done.returncode == 0, done.stderr
    assert str(prefix) in words
    assert done.stdout.endswith(f" {load.command.replace('2026.11.0', VERSION)}\n")
    root = prefix / "versions" / f"{VERSION}-monitoring"
    run.mkdir()
    (run / "workflow.py").write_text(MONITORED)
    rehearsal = [root / "bin/polaris-parsl", "sandbox", "--", root / "overlay/bin/python"]
    done = builder.run(*rehearsal, run / "workflow.py", env=env, cwd=run)
    assert (done.returncode, done.stdout) == (0, "20\n"), done.stderr
    with sqlite3.connect(run / "runinfo/monitoring.db") as database:
        ((tasks,),) = database.execute("select count(*) from task where task_time_returned > 0")
    assert tasks == 5
