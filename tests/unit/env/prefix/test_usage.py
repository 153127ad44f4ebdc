"""Who uses a version: processes that really run, and jobs as qstat shows them."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import builder
from actors import GROUP, IS_ROOT
from polaris_parsl.below import remove_path
from polaris_parsl.env.prefix.lifecycle import publish
from polaris_parsl.env.prefix.publish import staging
from polaris_parsl.env.prefix.releases import Release
from polaris_parsl.env.prefix.removal import remove
from polaris_parsl.env.prefix.usage import Usage, find_usage
from polaris_parsl.errors import VersionError

NAME = "2026.10.0"


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return Release(NAME, builder.small_release(tmp_path / "my prefix", NAME))


def used(release: Release, *, path: Path | str = "/nowhere", is_default: bool = False) -> Usage:
    return find_usage(release, is_default=is_default, env={"PATH": str(path)})


@contextmanager
def running(*command: str | Path, **options: Any) -> Iterator[int]:
    """A process that has started."""
    process = subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, text=True, **options
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
    finally:
        process.kill()
        process.communicate()


WAIT = "import sys, time; print('up', flush=True); time.sleep(600)"
MAP = (
    "import mmap, os, sys, time; f = open(sys.argv[1], 'rb'); "
    "m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ); os.close(f.fileno()); "
    "print('up', flush=True); time.sleep(600)"
)


def test_a_version_that_nobody_uses_has_no_users(release: Release) -> None:
    found = used(release)
    assert (found.certain, found.doubtful) == ((), ())
    assert "jobs: there is no qstat here" in found.unseen


@pytest.mark.parametrize("what", ["cwd", "open file", "mapping", "program", "argument"])
def test_a_process_that_has_something_of_it_is_named(
    release: Release, what: str, tmp_path: Path
) -> None:
    file = release.root / "overlay/bin/python"
    sleeper = tmp_path / "my prefix" / "versions" / NAME / "sleeper"
    release.root.chmod(0o755)
    sleeper.write_bytes(Path(os.path.realpath("/bin/sleep")).read_bytes())
    sleeper.chmod(0o755)
    python = (sys.executable, "-c")
    words: dict[str, tuple[tuple[str | Path, ...], dict[str, Any]]] = {
        "cwd": ((*python, WAIT), {"cwd": release.root / "bin"}),
        "open file": (
            ("sh", "-c", "exec 7<overlay/bin/python; cd /; echo; exec sleep 600"),
            {"cwd": release.root},
        ),
        "mapping": ((*python, MAP, "python"), {"cwd": file.parent}),
        "program": (("sh", "-c", 'echo; exec "$0" 600', sleeper), {}),
        "argument": ((*python, WAIT, file), {}),
    }
    command, options = words[what]
    with running(*command, **options) as pid:
        (line,) = [each for each in used(release).certain if f"process {pid} " in each]
    assert str(release.root) in line
    assert not [each for each in used(release).certain if f"process {pid} " in each]


def test_the_shell_that_started_us_is_no_user(release: Release) -> None:
    program = (
        "import sys; from pathlib import Path; from polaris_parsl.env.prefix.releases import Release; "
        "from polaris_parsl.env.prefix.usage import find_usage; root = Path(sys.argv[1]); "
        "print(find_usage(Release(root.name, root), is_default=False, env={}).certain)"
    )
    # the shell has the path among its own words, and waits for its child
    shell = ["sh", "-c", '"$0" -c "$1" "$2"; true', sys.executable, program, str(release.root)]
    shell += [f"{release.root}/bin/polaris-parsl"]
    done = subprocess.run(shell, capture_output=True, text=True, check=True, cwd=release.root)
    assert done.stdout == "()\n"


def test_a_process_of_a_version_with_a_longer_name_is_not_meant(release: Release) -> None:
    other = builder.small_release(release.root.parents[1], f"{NAME}rc1")
    with running(sys.executable, "-c", WAIT, cwd=other) as pid:
        assert not [each for each in used(release).certain if f"process {pid} " in each]


def qstat(folder: Path, text: str, *, code: int = 0) -> Path:
    """A qstat that prints a text; the directory for PATH."""
    folder.mkdir()
    (folder / "text").write_text(text)
    program = folder / "qstat"
    program.write_text(f'#!/bin/sh\n[ "$*" = "-f -F json" ] || exit 9\n/bin/cat "{folder}/text"\n')
    with program.open("a") as stream:
        stream.write(f"[ {code} = 0 ] || echo 'cannot connect to server' >&2\nexit {code}\n")
    program.chmod(0o755)
    return folder


def job(**attributes: Any) -> dict[str, Any]:
    """What qstat prints of a job, as recorded on OpenPBS 23.06.06, in short."""
    return {
        "Job_Name": "parsl.htex.block-0",
        "Job_Owner": "alice@polaris-login-01",
        "job_state": "Q",
        "Variable_List": {"PBS_O_PATH": "/usr/bin:/bin", "PBS_O_WORKDIR": "/home/user"},
        "Submit_arguments": "-A demo job.sh",
        **attributes,
    }


def jobs(*each: dict[str, Any]) -> str:
    table = {f"{number}.polaris-pbs-01": entry for number, entry in enumerate(each)}
    return json.dumps({"timestamp": 1, "pbs_server": "polaris", "Jobs": table})


def test_a_job_that_was_submitted_with_the_module_loaded_is_named(
    release: Release, tmp_path: Path
) -> None:
    variables = {"PBS_O_PATH": f"{release.root}/bin:/usr/bin"}
    path = qstat(tmp_path / "pbs", jobs(job(), job(Variable_List=variables, job_state="R")))
    found = used(release, path=path)
    assert found.certain == ("job 1.polaris-pbs-01 of alice@polaris-login-01 (state R)",)


def test_a_job_whose_script_names_the_install_is_named(release: Release, tmp_path: Path) -> None:
    (tmp_path / "job.sh").write_text(f"#!/bin/sh\n. '{release.root}/overlay/bin/activate'\n")
    entry = job(Variable_List={"PBS_O_WORKDIR": str(tmp_path)}, Submit_arguments="-q debug job.sh")
    found = used(release, path=qstat(tmp_path / "pbs", jobs(entry)))
    assert len(found.certain) == 1


@pytest.mark.parametrize(
    ("line", "is_default", "is_meant"),
    [
        (f"module load polaris-parsl/{NAME}", False, True),
        (f"module load polaris-parsl/{NAME}rc1", False, False),
        (f"module load polaris-parsl/{NAME}-mep", False, False),
        ("module load polaris-parsl", True, True),
        ("module load polaris-parsl", False, False),
        ("module load polaris-parsl/2026.9.0", True, False),
    ],
)
def test_a_job_that_loads_a_module_of_this_name_may_use_it(
    release: Release, tmp_path: Path, line: str, is_default: bool, is_meant: bool
) -> None:
    script = tmp_path / "job.sh"
    script.write_text(f"#!/bin/sh\nmodule use /x; {line}; python run.py\n")
    path = qstat(tmp_path / "pbs", jobs(job(Submit_arguments=str(script))))
    found = used(release, path=path, is_default=is_default)
    assert found.certain == ()
    assert bool(found.doubtful) == is_meant


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", 255, "cannot connect to server"),
        ("{", 0, "Expecting"),
        ("[]", 0, "no table"),
    ],
)
def test_a_qstat_that_fails_leaves_a_doubt(
    release: Release, tmp_path: Path, text: str, code: int, message: str
) -> None:
    found = used(release, path=qstat(tmp_path / "pbs", text, code=code))
    assert found.certain == ()
    assert message in found.doubtful[0]


def test_without_jobs_there_is_no_doubt(release: Release, tmp_path: Path) -> None:
    found = used(release, path=qstat(tmp_path / "pbs", '{"timestamp": 1}'))
    assert (found.certain, found.doubtful) == ((), ())


@pytest.mark.skipif(not IS_ROOT, reason="only root can act as others")
def test_who_cannot_change_the_prefix_warns_and_cannot_forbid_its_removal(tmp_path: Path) -> None:
    top = Path(tempfile.mkdtemp(prefix="polaris-parsl-usage-"))
    try:
        prefix = top / "prefix"
        for name in ("2026.9.0", NAME):
            with staging(prefix, name, group=GROUP) as folder:
                builder.small_release(prefix, name, folder=folder)
                publish(prefix, folder, name, check=lambda: None)
        waits = ("sh", "-c", 'echo; read x; : "$0"', prefix / "versions/2026.9.0/overlay")
        options: dict[str, Any] = {"force": True, "dry_run": True, "env": {"PATH": "/nowhere"}}
        with running(*waits, stdin=subprocess.PIPE, user=70003):
            release = Release("2026.9.0", prefix / "versions/2026.9.0")
            found = used(release)
            assert (found.certain, len(found.outsiders)) == ((), 1)
            assert " of 70003: " in found.outsiders[0]
            with pytest.raises(VersionError, match=r"of 70003: .*who is not of this prefix"):
                remove(prefix, "2026.9.0", **{**options, "force": False})
            change = remove(prefix, "2026.9.0", **options)
            assert any("in use by process" in note for note in change.notes)
            assert "2026.9.0: removed for users" in change.done
        member: dict[str, Any] = {"user": 70002, "extra_groups": [GROUP], "stdin": subprocess.PIPE}
        with running(*waits, **member):
            found = used(release)
            assert (len(found.certain), found.outsiders) == (1, ())
            with pytest.raises(VersionError, match="is in use"):
                remove(prefix, "2026.9.0", **options)
    finally:
        remove_path(top)
