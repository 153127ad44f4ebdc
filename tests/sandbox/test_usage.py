"""`remove` keeps versions that jobs of the sandbox's PBS use."""

import pytest

import builder
import kills
from polaris_parsl.env.prefix import removal
from polaris_parsl.errors import VersionError

USED, WAITING, NAMED, FREE = "2026.7.0", "2026.8.0", "2026.9.0", "2026.10.0"
SUBMIT = ["qsub", "-A", "datascience", "-q", "preemptable", "-l", "filesystems=home:eagle"]
# all nodes of the sandbox, so that one job runs at a time
SUBMIT += ["-l", "select=4:ncpus=1:ngpus=4", "-l", "walltime=0:10:00"]


@pytest.fixture
def isolation():
    # jobs are the same in both
    return "loopback"


def test_a_version_is_removed_when_no_job_uses_it(sandbox, tools, tmp_path, monkeypatch):
    # another test covers other processes of this machine
    kills.alone(monkeypatch.setattr)
    prefix = tmp_path / "my prefix"
    root = {name: builder.small_release(prefix, name) for name in (USED, WAITING, NAMED, FREE)}
    env = {**sandbox.environment, "PATH": f"{sandbox.state}/bin/login:/usr/bin:/bin"}

    def submit(name, line, **variables):
        (sandbox.work / name).write_text(f"#!/bin/bash\n{line}\nsleep 3600\n")
        done = sandbox.call(*SUBMIT, name, env=variables)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def remove(name, *, force=False):
        return removal.remove(prefix, name, force=force, dry_run=False, env=env)

    running = submit("running.sh", f"true '{root[USED]}/overlay/bin/python'")
    sandbox.wait(running, state="R")
    # only its environment names the version
    path = f"{root[WAITING]}/bin:{sandbox.environment['PATH']}"
    waiting = submit("waiting.sh", "python run.py", PATH=path)
    named = submit("named.sh", f"module load polaris-parsl/{NAMED}")
    assert sandbox.job(waiting)["job_state"] == "Q"
    for name, job, state in ((USED, running, "R"), (WAITING, waiting, "Q")):
        with pytest.raises(VersionError) as refusal:
            remove(name, force=True)
        assert f"{name} is in use" in refusal.value.problem
        assert f"job {job} of " in refusal.value.problem
        assert f"(state {state})" in refusal.value.problem
    with pytest.raises(VersionError, match=f"{named}.* perhaps of another prefix"):
        remove(NAMED)
    assert remove(NAMED, force=True).done
    assert remove(FREE).done
    for job in (named, waiting, running):
        sandbox.call("qdel", job)
    sandbox.wait(running)
    assert remove(USED).done
    assert remove(WAITING).done
    assert list((prefix / "versions").iterdir()) == []
