import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

RECORDED = Path(__file__).parents[1] / "recorded" / "openpbs"
BLOCK = re.compile(
    r"^# (?P<title>.*)\n\[.*?\] \S+\$ (?P<command>.*)\nexit code: (?P<code>\d+) .*\n"
    r"--- stdout\n(?P<stdout>(?:.*\n)*?)--- stderr\n(?P<stderr>(?:.+\n)*)",
    re.MULTILINE,
)
OK_SCRIPT = """\
#!/bin/bash
#PBS -N oktest
#PBS -l select=1:ncpus=1:ngpus=4
#PBS -l walltime=00:10:00
#PBS -l filesystems=home:eagle
echo ok
"""


@pytest.fixture
def sandbox(shared_sandbox):
    return shared_sandbox


@dataclass
class Recording:
    title: str
    command: str
    code: int
    stderr: str


def recordings(name):
    found = [
        Recording(match["title"], match["command"], int(match["code"]), match["stderr"])
        for match in BLOCK.finditer((RECORDED / name).read_text())
    ]
    assert found
    return found


@pytest.mark.parametrize("isolation", ["loopback"], indirect=True)
def test_qsub_refuses_what_openpbs_refuses_with_its_words_and_exit_code(start, environment):
    environment.pop("POLARIS_PARSL_SANDBOX_MIN_WALLTIME")
    sandbox = start()
    (sandbox.work / "ok.pbs").write_text(OK_SCRIPT)
    (sandbox.work / "sleep.pbs").write_text("#!/bin/bash\nsleep 1\n")
    path = f"{sandbox.state}/bin/login:{sandbox.environment['PATH']}"
    answers, expected = [], []
    for recording in recordings("qsub_refusals.txt"):
        done = subprocess.run(
            ["/bin/bash", "-c", recording.command],
            env=sandbox.environment | {"PATH": path},
            cwd=sandbox.work,
            capture_output=True,
            text=True,
            check=False,
        )
        stderr = re.sub(r"(?s)^usage: .*", "[usage follows]\n", done.stderr, flags=re.MULTILINE)
        answers.append((recording.title, done.returncode, done.stdout, stderr))
        expected.append((recording.title, recording.code, "", recording.stderr))
    assert answers == expected


@pytest.mark.parametrize("isolation", ["loopback"], indirect=True)
def test_a_job_name_may_have_230_characters_and_no_more(sandbox):
    for length, code in ((230, 0), (231, 2)):
        script = sandbox.work / "ok.pbs"
        script.write_text(OK_SCRIPT)
        submit = ("qsub", "-A", "me", "-q", "debug-scaling", "-N", "a" * length, str(script))
        done = sandbox.call(*submit)
        assert done.returncode == code
    assert done.stderr == "qsub: Job name is too long \n"


@pytest.mark.parametrize("isolation", ["loopback"], indirect=True)
def test_a_second_job_in_debug_scaling_is_refused_while_the_first_exists(sandbox):
    first = sandbox.submit("sleep 3600\n")
    (sandbox.work / "ok.pbs").write_text(OK_SCRIPT)
    second = ("qsub", "-A", "me", "-q", "debug-scaling", "ok.pbs")
    refused = sandbox.call(*second)
    assert refused.returncode == 38
    assert refused.stderr == "qsub: would exceed queue generic's per-user limit\n"
    sandbox.call("qdel", first)
    sandbox.wait(first)
    assert sandbox.call(*second).returncode == 0


@pytest.mark.parametrize("isolation", ["loopback"], indirect=True)
def test_in_debug_one_job_runs_one_waits_and_a_third_is_refused(sandbox):
    first = sandbox.submit("sleep 3600\n", "-q", "debug")
    second = sandbox.submit("sleep 3600\n", "-q", "debug")
    waiting = sandbox.job(second)
    assert (waiting["job_state"], waiting["comment"]) == (
        "Q",
        "Not Running: User has reached queue debug running job limit.",
    )
    (sandbox.work / "ok.pbs").write_text(OK_SCRIPT)
    third = sandbox.call("qsub", "-A", "me", "-q", "debug", "ok.pbs")
    assert third.returncode == 38
    words = "qsub: would exceed queue generic's per-user limit of jobs in 'Q' state\n"
    assert third.stderr == words
    sandbox.call("qdel", first)
    assert sandbox.wait(second, state="R")["queue"] == "debug"


@pytest.mark.parametrize("isolation", ["loopback"], indirect=True)
def test_jobs_of_a_project_beyond_ten_in_small_wait_in_prod(start):
    sandbox = start(nodes=10)
    ids = [
        sandbox.submit("sleep 3600\n", "-q", "prod", select="10:ncpus=64:ngpus=4")
        for _ in range(11)
    ]
    assert [sandbox.job(each)["queue"] for each in ids] == ["small"] * 10 + ["prod"]
    sandbox.call("qdel", ids[5])
    assert sandbox.wait(ids[10], state="Q")["queue"] == "small"


@pytest.mark.parametrize("isolation", ["loopback"], indirect=True)
def test_a_job_that_no_destination_of_prod_takes_is_accepted_and_vanishes(sandbox):
    (sandbox.work / "ok.pbs").write_text(OK_SCRIPT)
    accepted = sandbox.call("qsub", "-A", "me", "-q", "prod", "-l", "select=2", "ok.pbs")
    assert accepted.returncode == 0
    job_id = accepted.stdout.strip()
    shown = sandbox.call("qstat", "-x", "-f", "-F", "json", job_id)
    assert shown.returncode == 153
    assert shown.stderr == f"qstat: Unknown Job Id {job_id}\n"
    assert '"Jobs"' not in shown.stdout


@pytest.mark.parametrize("isolation", ["loopback"], indirect=True)
def test_a_job_in_prod_is_routed_by_its_size(sandbox):
    (sandbox.work / "ok.pbs").write_text(OK_SCRIPT)
    options = ("-A", "me", "-l", "select=12:ncpus=1:ngpus=4")
    job_id = sandbox.call("qsub", *options, "ok.pbs").stdout.strip()
    job = sandbox.job(job_id)
    assert job["queue"] == "small"
    assert job["Variable_List"]["PBS_O_QUEUE"] == "prod"
    assert job["job_state"] == "Q"


@pytest.mark.parametrize("isolation", ["loopback"], indirect=True)
def test_a_script_may_come_from_standard_input(sandbox):
    with (sandbox.work / "ok.pbs").open("w+") as script:
        script.write(OK_SCRIPT)
        script.seek(0)
        done = sandbox.call("qsub", "-A", "me", "-q", "debug", stdin=script)
    job = sandbox.wait(done.stdout.strip())
    assert job["Exit_status"] == 0
    assert job["Job_Name"] == "oktest"


@pytest.mark.parametrize("isolation", ["loopback"], indirect=True)
def test_what_the_sandbox_does_not_imitate_is_refused_by_name(sandbox):
    for option, why in {
        "-I": ": it has no interactive jobs; submit a script, and reach its nodes with ssh",
        "-f": "",
    }.items():
        done = sandbox.call("qsub", option, "-A", "me")
        assert done.returncode == 2
        assert done.stderr == f"qsub: the sandbox does not imitate {option[:2]}{why}\n"
