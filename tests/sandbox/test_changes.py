import re
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.parametrize("isolation", ["loopback"], indirect=True)
UNTIL = "until [ -e {} ]; do sleep 0.05; done; exit {}\n"
QUEUE = ("-q", "preemptable")


@pytest.fixture
def sandbox(shared_sandbox):
    return shared_sandbox


def states(sandbox, *ids):
    return "".join(sandbox.job(each)["job_state"] for each in ids)


def test_jobs_wait_for_others_and_are_deleted_when_that_can_come_no_more(sandbox):
    first = sandbox.submit(UNTIL.format("go", 3), *QUEUE)
    waiting = {
        kind: sandbox.submit("sleep 3600\n", *QUEUE, "-W", f"depend={kind}:{first}")
        for kind in ("afterany", "afterok", "afternotok")
    }
    after = sandbox.submit("sleep 3600\n", *QUEUE, "-W", f"depend=after:{first.split('.')[0]}")
    sandbox.wait(after, "R")
    held = sandbox.job(waiting["afterok"])
    assert (held["job_state"], held["substate"], held["Hold_Types"]) == ("H", 22, "s")
    assert held["depend"] == f"afterok:{first}"
    assert states(sandbox, *waiting.values()) == "HHH"
    (sandbox.home / "go").touch()
    deleted = sandbox.wait(waiting["afterok"])
    assert (deleted["substate"], deleted.get("Exit_status")) == (91, None)
    for kind in ("afterany", "afternotok"):
        assert sandbox.wait(waiting[kind], "R")["Hold_Types"] == "n"
    late = sandbox.submit("true\n", *QUEUE, "-W", f"depend=afterany:{first}")
    assert sandbox.wait(late, "RF")
    words = ("qsub", "-A", "me", *QUEUE, "-l", "walltime=600", "-l", "filesystems=home")
    for depend, code in (("afterok:9", 153), ("afterok", 166), ("before:1", 166)):
        assert sandbox.call(*words, "-W", f"depend={depend}", "job.sh").returncode == code


def test_a_hold_that_is_taken_away_leaves_what_else_a_job_waits_for(sandbox):
    first = sandbox.submit(UNTIL.format("go", 0), *QUEUE)
    then = sandbox.submit("true\n", *QUEUE, "-W", f"depend=afterok:{first}")
    later = sandbox.submit("true\n", *QUEUE, "-a", "203112312359")
    sandbox.wait(first, "R")
    for each in (then, later):
        assert sandbox.call("qhold", each).returncode == 0
    shown = [sandbox.job(each) for each in (then, later)]
    assert [(job["job_state"], job["substate"]) for job in shown] == [("H", 22), ("H", 20)]
    assert [job["Hold_Types"] for job in shown] == ["su", "u"]
    for each in (then, later):
        assert sandbox.call("qrls", each).returncode == 0
    shown = [sandbox.job(each) for each in (then, later)]
    assert [(job["job_state"], job["substate"]) for job in shown] == [("H", 22), ("W", 30)]
    assert sandbox.call("qhold", then).returncode == 0
    (sandbox.home / "go").touch()
    sandbox.wait(first)
    assert sandbox.wait(then, "H")["Hold_Types"] == "u"
    assert sandbox.call("qrls", then).returncode == 0
    assert sandbox.wait(then)["Exit_status"] == 0


def test_users_change_their_jobs_as_far_as_openpbs_lets_them(sandbox, tools):
    running = sandbox.submit("sleep 3600\n", *QUEUE, "-N", "running")
    held = sandbox.submit("sleep 3600\n", "-h", *QUEUE, "-N", "held")
    sandbox.wait(running, "R")
    assert states(sandbox, held) == "H"
    assert "etime" not in sandbox.job(held)
    assert sandbox.call("qhold", running).returncode == 0
    job = sandbox.job(running)
    assert (job["job_state"], job["Hold_Types"]) == ("R", "u")
    assert job["comment"].startswith("Job held by tester on ")

    assert sandbox.call("qalter", "-N", "other", "-l", "walltime=1200", held).returncode == 0
    assert sandbox.call("qmove", "debug", held).returncode == 0
    job = sandbox.job(held)
    assert (job["Job_Name"], job["queue"]) == ("other", "debug")
    assert job["Resource_List"]["walltime"] == "00:20:00"

    refused = {
        ("qrerun", running): (159, f"qrerun: Unauthorized Request  {running}"),
        ("qhold", "-h", "s", held): (159, "qhold: Unauthorized Request "),
        ("qmove", "nosuch", held): (170, "qmove: Unknown queue"),
        ("qmove", "debug", running): (168, f"qmove: Request invalid for state of job {running}"),
        ("qmove", "small", held): (174, "qmove: Access to queue is denied"),
        ("qalter", "-l", "walltime=1h", held): (
            166,
            "qalter: Illegal attribute or resource value Resource_List.walltime",
        ),
        ("qalter", "-l", "select=9:ngpus=4", held): (
            188,
            "qalter: Job violates queue and/or server resource limits",
        ),
        ("qalter", "-l", "select=2", running): (
            169,
            f"qalter: Cannot modify attribute while job running  Resource_List.select {running}",
        ),
        ("qrls", "9"): (153, "qrls: Unknown Job Id 9.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov"),
        ("qrls",): (2, "usage: qrls [-h hold_list] job_identifier..."),
    }
    answers = {words: sandbox.call(*words) for words in refused}
    assert {
        w: (done.returncode, done.stderr.rstrip("\n")) for w, done in answers.items()
    } == refused
    assert sandbox.job(held)["Job_Name"] == "other"

    assert sandbox.call("qrls", held).returncode == 0
    sandbox.wait(held, "R")
    sandbox.call("qdel", held)
    sandbox.wait(held)
    assert sandbox.call("qhold", held).returncode == 35


def test_qstat_shows_nodes_and_comments_in_openpbs_layout(sandbox):
    running = sandbox.submit("sleep 3600\n", *QUEUE, "-N", "a-rather-long-name")
    held = sandbox.submit("true\n", "-h", *QUEUE)
    comment = sandbox.wait(running, "R")["comment"]
    number = running.split(".")[0]
    head = sandbox.call("qstat", "-a").stdout.splitlines()
    assert head[1] == "polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov: "
    assert head[3].startswith("Job ID          Username Queue    Jobname    SessID NDS TSK Memory")
    assert head[5].startswith(f"{number}.polari* tester   preempt* a-rather-*")
    assert sandbox.call("qstat", "-n").stdout.splitlines()[6] == "   x3001c0s1b0n0/0"
    assert sandbox.call("qstat", "-s").stdout.splitlines()[6] == f"   {comment}"
    wide = sandbox.call("qstat", "-wan1").stdout.splitlines()
    assert wide[3].startswith(f"{'Job ID':30} {'Username':15} {'Queue':15} {'Jobname':15} SessID")
    assert wide[5].startswith(f"{number}.polaris-pbs-01.hsn.cm* tester          preemptable     ")
    # a slow machine needs minutes
    assert re.search(r" R 00:\d\d x3001c0s1b0n0/0$", wide[5])
    assert wide[6].endswith(" H   --   -- ")
    line = sandbox.call("qstat", "-was1").stdout.splitlines()[5]
    assert re.search(rf"R 00:\d\d    {re.escape(comment)}$", line)
    assert number in sandbox.call("qstat", "-r").stdout
    assert number not in sandbox.call("qstat", "-i").stdout
    assert held.split(".")[0] in sandbox.call("qstat", "-i", "-u", "tester").stdout


def test_a_job_waits_for_its_time_and_takes_signals(sandbox, tools):
    def submit(when):
        return sandbox.submit(
            "trap 'touch signalled' USR1; touch up; while :; do sleep 0.1; done\n",
            *QUEUE,
            "-a",
            when,
        )

    # each shell of a job must trap the signal: the login shell that starts the script, too
    (sandbox.home / ".bash_profile").write_text("trap : USR1\n")
    late = submit("203112312359")
    job = sandbox.job(late)
    assert (job["job_state"], job["substate"]) == ("W", 30)
    assert job["Execution_Time"] == "Wed Dec 31 23:59:00 2031"
    assert "etime" not in job
    assert sandbox.call("qsig", late).returncode == 168
    assert sandbox.call("qdel", late).returncode == 0
    assert sandbox.wait(late)["substate"] == 91
    soon = submit(time.strftime("%Y%m%d%H%M.%S", time.localtime(time.time() + 2)))
    running = sandbox.wait(soon, "R")
    began, wanted = (time.strptime(running[each]) for each in ("stime", "Execution_Time"))
    assert began >= wanted
    tools.eventually((sandbox.home / "up").exists)
    assert sandbox.call("qsig", "-s", "SIGFOO", soon).returncode == 0, "recorded: it is dropped"
    assert sandbox.call("qsig", "-s", "suspend", soon).returncode == 159
    assert sandbox.call("qsig", "-s", "USR1", soon).returncode == 0
    tools.eventually((sandbox.home / "signalled").exists)
    words = ("qsub", "-A", "me", *QUEUE, "-l", "walltime=600", "-l", "filesystems=home")
    for when in ("2561", "tomorrow", "13010000"):
        assert sandbox.call(*words, "-a", when, "job.sh").returncode == 2


def test_a_queue_that_the_facts_lack_can_be_added(environment, tmp_path):
    (tmp_path / "inside.sh").write_text(
        "id=$(echo true | qsub -A me -q workshop -l walltime=600 -l filesystems=home)\n"
        "until qstat -x $id | grep -q ' F workshop'; do sleep 0.4; done\n"
        "qstat -Q workshop | tail -1\n"
        "echo true | qsub -A me -q nosuch -l walltime=600 -l filesystems=home; echo $?\n"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "polaris_parsl", "sandbox"),
            *("--queue", "workshop", "--", "bash", "inside.sh"),
        ],
        env=environment | {"HOME": str(tmp_path)},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    queue, code = done.stdout.splitlines()
    assert (queue.split()[0], code) == ("workshop", "170"), done.stderr
