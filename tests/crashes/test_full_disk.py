"""A disk that fills up within a change: users have the old or the new, and the change says why."""

import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import builder
import kills
from polaris_parsl.env.prefix.cleanup import find_removable
from polaris_parsl.env.prefix.publish_modulefiles import publish_modulefiles
from polaris_parsl.env.prefix.releases import find_releases
from polaris_parsl.env.prefix.repair import repair
from polaris_parsl.env.prefix.state import read_state


class Tried(NamedTuple):
    """How a change ended with so many free pages."""

    change: str
    pages: int
    problem: str
    prefix: str


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> list[Tried]:
    folder = tmp_path_factory.mktemp("full")
    for name in ("disk", "kept"):
        (folder / name).mkdir()
    tests = str(Path(kills.__file__).parent)
    env = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "PYTHONPATH": tests}
    program = Path(__file__).with_name("full_disk.py")
    command = [*builder.namespace("-rm"), sys.executable, program, folder / "disk", folder / "kept"]
    done = builder.run(*command, env=env)
    assert done.returncode == 0, done.stderr
    return [Tried(*each) for each in json.loads(done.stdout)]


def default_of(prefix: Path) -> str:
    text = (prefix / "modulefiles/polaris-parsl/.modulerc.lua").read_text()
    (name,) = re.findall(r'"polaris-parsl/(\S+)", "default"', text)
    return str(name)


@pytest.mark.parametrize("change", ["publish", "default", "deprecate", "rollback", "remove"])
def test_a_full_disk_leaves_the_old_or_the_new(tried: list[Tried], change: str) -> None:
    mine = [each for each in tried if each.change == change]
    *failed, finished = mine
    assert len(failed) >= 1
    assert finished.problem == ""
    old, new = default_of(Path(failed[0].prefix)), default_of(Path(finished.prefix))
    for each in failed:
        prefix = Path(each.prefix)
        assert "No space left on device" in each.problem
        assert default_of(prefix) in {old, new}
        root = prefix / "versions" / default_of(prefix)
        assert kills.is_complete(root)
        assert not [path for path in prefix.rglob(".staging-*") if path.is_file()]
        repair(prefix, dry_run=False)
        assert list(find_removable(prefix)) == []
        assert publish_modulefiles(prefix) == []
        assert {item.name for item in find_releases(prefix, read_state(prefix))} <= {
            kills.OLD, kills.USUAL, kills.CANDIDATE, kills.NEW,
        }  # fmt: skip
