"""Commands that change one prefix at the same time."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

import builder
import kills
from polaris_parsl.env.prefix.cleanup import find_removable
from polaris_parsl.env.prefix.publish_modulefiles import publish_modulefiles
from polaris_parsl.env.prefix.releases import find_releases
from polaris_parsl.env.prefix.repair import repair
from polaris_parsl.env.prefix.state import history, read_state

_WAIT_THEN = """
import sys, time
from pathlib import Path
import kills
from polaris_parsl.env.prefix import removal
from polaris_parsl.env.prefix.lifecycle import deprecate, roll_back, set_default
from polaris_parsl.errors import PolarisParslError
kills.alone()
prefix, go = Path(sys.argv[1]), Path(sys.argv[2])
print("ready", flush=True)
while not go.exists():
    time.sleep(0.001)
"""

_INSTALL = """
try:
    kills.install(prefix, sys.argv[3])
except PolarisParslError as refusal:
    print(refusal.problem)
    sys.exit(refusal.exit_code)
"""

_CHANGE = """
import random
chance = random.Random(sys.argv[3])
names = (kills.OLD, kills.USUAL, kills.CANDIDATE)
for _ in range(25):
    name = chance.choice(names)
    change = chance.choice((
        lambda: set_default(prefix, name, dry_run=False),
        lambda: roll_back(prefix, dry_run=False),
        lambda: deprecate(prefix, name, kills.NOTICE, today=kills.TODAY, dry_run=False),
        lambda: removal.remove(prefix, name, **kills.REMOVE),
        lambda: kills.install(prefix, name),
    ))
    try:
        change()
    except PolarisParslError:
        pass
"""


def start(
    program: str, prefix: Path, go: Path, *words: str, space: Sequence[str] = ()
) -> "subprocess.Popen[str]":
    """A process that waits for the others."""
    command = [*space, sys.executable, "-c", _WAIT_THEN + program, str(prefix), str(go), *words]
    tests = str(Path(kills.__file__).parent)
    process = subprocess.Popen(
        command,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": tests},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def is_settled(prefix: Path) -> bool:
    """Nothing is left over, and the modulefiles say what state and receipts say."""
    return list(find_removable(prefix)) == [] and publish_modulefiles(prefix) == []


def test_of_six_installers_at_once_each_version_is_there_once(tmp_path: Path) -> None:
    prefix, go = tmp_path / "prefix", tmp_path / "go"
    names = ["2026.7.0", "2026.8.0", "2026.9.0", *["2026.10.0"] * 3]
    with ExitStack() as stack:
        processes = [stack.enter_context(start(_INSTALL, prefix, go, name)) for name in names]
        go.touch()
        while any(process.poll() is None for process in processes):
            kills.look(prefix)
        outputs = [process.communicate()[0] for process in processes]
    codes = [process.returncode for process in processes]
    assert codes[:3] == [0, 0, 0], outputs
    assert sorted(codes[3:]) == [0, 6, 6], outputs
    assert all("exists already" in each or "somebody else" in each for each in outputs if each)
    state = read_state(prefix)
    assert [each.name for each in find_releases(prefix, state)] == [
        "2026.10.0", "2026.9.0", "2026.8.0", "2026.7.0",
    ]  # fmt: skip
    assert state.default == "2026.10.0"
    installs = [each.change for each in history(prefix)]
    assert sorted(installs) == sorted(f"install {name}" for name in set(names))
    assert is_settled(prefix)
    assert kills.look(prefix) == 1


@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.long)])
def test_a_change_in_between_takes_nothing_from_users(step: int, tmp_path: Path) -> None:
    """Each third operation is interrupted by one of three other changes; in the long test, each by each."""
    tests = str(Path(kills.__file__).parent)
    program = Path(__file__).with_name("interleaved.py")
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": tests}
    done = builder.run(sys.executable, program, tmp_path, step, env=env)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["found"] == []
    assert len(report["counts"]) == 3 * len(kills.CHANGES)
    number = sum(report["counts"].values())
    text = (builder.REPOSITORY / "docs/crashes.md").read_text()
    documented = [int(each) for each in re.findall(r" (\d+) times\.", text)]
    # each of the pairs is counted up to a whole step
    assert [abs(each - number * step) < step * len(report["counts"]) for each in documented] == [
        True
    ]
    assert step > 1 or documented == [number]


def test_changes_of_all_kinds_at_once_end_settled(tmp_path: Path) -> None:
    prefix, go = tmp_path / "prefix", tmp_path / "go"
    kills.filled(prefix)
    with ExitStack() as stack:
        processes = [stack.enter_context(start(_CHANGE, prefix, go, str(n))) for n in range(4)]
        go.touch()
        assert [process.wait() for process in processes] == [0, 0, 0, 0]
    numbers = [each.generation for each in history(prefix)]
    assert numbers == list(range(len(numbers), 0, -1))
    assert is_settled(prefix)
    assert repair(prefix, dry_run=False).notes == ()


def test_what_another_host_builds_is_left_alone(tmp_path: Path) -> None:
    prefix = tmp_path / "prefix"
    kills.filled(prefix)
    theirs = prefix / "versions" / ".staging-2026.10.0@other-0123abcd.1.1"
    theirs.mkdir()
    (theirs / "file").touch()
    kills.install(prefix, "2026.10.0")
    repair(prefix, dry_run=False)
    assert (theirs / "file").exists()


def test_an_installer_in_another_process_namespace_is_left_alone(tmp_path: Path) -> None:
    prefix, go = tmp_path / "prefix", tmp_path / "go"
    kills.filled(prefix)
    build = (
        "from polaris_parsl.env.prefix.publish import staging\n"
        "with staging(prefix, kills.NEW, group=None) as folder:\n"
        "    print(folder, flush=True)\n"
        "    time.sleep(600)\n"
    )
    space = builder.namespace("--user", "--map-root-user", "--pid", "--fork", "--kill-child")
    go.touch()
    with start(build, prefix, go, space=space) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        # there its number is a small one, which here is another process's or nobody's
        assert repair(prefix, dry_run=False).done == ()
        assert folder.is_dir()
        process.kill()
