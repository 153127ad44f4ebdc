import json
import os
import re
import subprocess
import sys
import time

import pytest

from code_blocks import typed
from polaris_parsl.errors import SandboxError

only_loopback = pytest.mark.parametrize("isolation", ["loopback"], indirect=True)
SERVER = "polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov"
ALL_JOBS = ("qstat", "-x", "-f", "-F", "json")
SLEEP = "sleep 3600\n"
COMMAND = (
    "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
    "from polaris_parsl.cli.main import main\n"
    "main()\n"
)


def ids(sandbox):
    return sandbox.call("qselect").stdout.split()


def waiting(sandbox, *words, env=None):
    """A call that goes on while the test does."""
    return subprocess.Popen(
        [sandbox.state / "bin" / "login" / words[0], *words[1:]],
        env=sandbox.environment | (env or {}),
        cwd=sandbox.work,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_commands_fail_as_openpbs_lets_them_fail(sandbox, tools):
    job_id = sandbox.submit(SLEEP, "-q", "preemptable")
    whole = sandbox.call(*ALL_JOBS).stdout
    qsub = ("qsub", "-A", "me", "-q", "preemptable", "-l", "filesystems=home", "-l", "walltime=600")
    script = str(sandbox.work / "job.sh")

    sandbox.fault("down")
    refused = "Connection refused\n"
    number = f"{SERVER} (errno=15010)\n"
    assert {
        tool: (done.returncode, done.stdout.partition("\n")[0], done.stderr)
        for tool, words in {
            "qsub": (*qsub, script),
            "qstat": ("qstat",),
            "qstat json": ALL_JOBS,
            "qdel": ("qdel", job_id),
            "qselect": ("qselect",),
            "pbsnodes": ("pbsnodes", "-a"),
        }.items()
        for done in [sandbox.call(*words)]
    } == {
        "qsub": (162, "", f"{refused}qsub: cannot connect to server {number}"),
        "qstat": (255, "", f"{refused}qstat: cannot connect to server {number}"),
        "qstat json": (255, "{", f"{refused}qstat: cannot connect to server {number}"),
        "qdel": (162, "", f"{refused}Couldn't connect to cluster: {SERVER}\n"),
        "qselect": (162, "", f"{refused}qselect: cannot connect to server {number}"),
        "pbsnodes": (1, "", f"{refused}pbsnodes: cannot connect to server {SERVER}, error=15010\n"),
    }
    assert sandbox.end_faults() == 1
    assert ids(sandbox) == [job_id]

    answers = {}
    for kind in ("garbage", "truncated", "empty", "no-jobs", "error"):
        sandbox.fault(kind, "qstat")
        answers[kind] = sandbox.call(*ALL_JOBS)
        assert ids(sandbox) == [job_id], "the other commands answer"
        assert sandbox.end_faults(kind) == 1
    assert [done.returncode for done in answers.values()] == [0, 0, 0, 0, 1]
    assert re.search(r"\w+ PBS", answers["garbage"].stdout)
    assert whole.startswith(answers["truncated"].stdout[:10])
    assert 0 < len(answers["truncated"].stdout) < len(whole)
    assert answers["empty"].stdout == answers["error"].stdout == ""
    assert json.loads(answers["no-jobs"].stdout).keys() == {
        "timestamp",
        "pbs_version",
        "pbs_server",
    }

    sandbox.fault("lost-answer")
    with (sandbox.work / "job.sh").open() as stdin:
        for lost in (sandbox.call(*qsub, script), sandbox.call(*qsub, stdin=stdin)):
            assert (lost.returncode, lost.stdout) == (162, "")
    sandbox.end_faults()
    one, *others = ids(sandbox)
    assert one == job_id
    assert len(others) == 2
    sandbox.fault("first-only")
    shown = json.loads(sandbox.call(*ALL_JOBS, *others).stdout)["Jobs"]
    assert list(shown) == others[:1]
    sandbox.end_faults()

    sandbox.fault("hang", "qsub")
    killed, kept = (waiting(sandbox, *qsub, script) for _ in range(2))
    tools.eventually(lambda: "qsub" in tools.names_of(kept.pid), what="the client")
    killed.kill()
    killed.communicate()
    assert kept.poll() is None
    sandbox.end_faults()
    assert kept.communicate(timeout=300)[0].strip() in ids(sandbox)
    assert len(ids(sandbox)) == 4, "the killed one asked for nothing"


def test_a_preempted_job_is_deleted_though_it_may_be_rerun_and_another_has_its_nodes(sandbox):
    sandbox.fault("preempt-delete", "next", lasts=3600)
    preempted = sandbox.submit(SLEEP, "-q", "preemptable", select="2:ngpus=4")
    job = sandbox.wait(preempted)
    assert (job["substate"], job["Exit_status"], job["run_count"]) == (91, 271, 1)
    nodes = json.loads(sandbox.call("pbsnodes", "-a", "-F", "json").stdout)["nodes"]
    taken = {host.partition("/")[0] for host in job["exec_host"].split("+")}
    assert {name for name, node in nodes.items() if node["state"] == "job-exclusive"} == taken
    assert sandbox.end_faults() == 1


def test_jobs_are_lost_and_requeued_and_held_as_by_pbs(sandbox, tools):
    script = "echo run >> runs; until [ -e go ]; do sleep 0.05; done\n"
    job_id = sandbox.submit(script, "-q", "preemptable", "-N", "rerun")
    tools.eventually((sandbox.home / "runs").exists, what="the first run")
    sandbox.fault("requeue")
    job = tools.eventually(lambda: (j := sandbox.job(job_id))["run_count"] == 2 and j)
    tools.eventually(lambda: (sandbox.home / "runs").read_text() == "run\n" * 2)
    assert "obittime" in job
    sandbox.fault("hold", job_id)
    held = sandbox.job(job_id)
    assert (held["job_state"], held["Hold_Types"]) == ("R", "s")
    assert held["comment"].startswith("Job held by root on ")
    sandbox.fault("preempt", job_id, lasts=3600)
    held = sandbox.wait(job_id, "H")
    assert (held["substate"], held["Exit_status"], held["run_count"]) == (20, -11, 2)
    assert "exec_host" not in held
    nodes = json.loads(sandbox.call("pbsnodes", "-a", "-F", "json").stdout)["nodes"]
    assert nodes["x3001c0s1b0n0"]["state"] == "job-exclusive"
    sandbox.fault("release", job_id)
    job = sandbox.wait(job_id, "R")
    assert job["exec_host"].startswith("x3001c0s1b1n0/"), "the first node has a job in demand"
    sandbox.fault("walltime", job_id)
    assert sandbox.wait(job_id)["Exit_status"] == -29
    assert sandbox.end_faults() == 1

    fixed = sandbox.submit(SLEEP, "-q", "preemptable", "-r", "n")
    sandbox.fault("preempt", fixed)
    job = sandbox.wait(fixed)
    assert (job["substate"], job["Exit_status"]) == (91, 271)

    sandbox.fault("vanish", "next", when="queued")
    forgotten = sandbox.submit(SLEEP)
    done = tools.eventually(lambda: (d := sandbox.call(*ALL_JOBS, forgotten)).returncode and d)
    assert (done.returncode, done.stderr) == (153, f"qstat: Unknown Job Id {forgotten}\n")

    sandbox.fault("vanish", "next", when="running", lasts=3600)
    forgotten = sandbox.submit("touch up; sleep 881\n")
    tools.eventually(lambda: sandbox.call(*ALL_JOBS, forgotten).returncode == 153)
    tools.eventually((sandbox.home / "up").exists, what="its processes, which go on")

    sandbox.fault("failing-starts", "next")
    failing = sandbox.submit(SLEEP)
    held = sandbox.wait(failing, "H")
    assert (held["run_count"], held["comment"]) == (21, "job held, too many failed attempts to run")
    sandbox.call("qdel", failing)
    job = sandbox.job(failing)
    assert (job["job_state"], job["substate"], job["Exit_status"]) == ("F", 91, -3)
    assert job["comment"] == "job held, too many failed attempts to run and terminated"

    sandbox.fault("delete", "next", when="running")
    deleted = sandbox.submit(SLEEP)
    assert sandbox.wait(deleted)["comment"].endswith(f"terminated by root@{SERVER}")
    sandbox.fault("purge", "all")
    tools.eventually(lambda: "Jobs" not in json.loads(sandbox.call(*ALL_JOBS).stdout))


def beats(sandbox, name):
    """Whether a process of the node writes while this looks."""
    file = sandbox.home / name
    before = file.stat().st_mtime_ns
    time.sleep(0.5)
    return file.stat().st_mtime_ns != before


def live_on(tools, sandbox, name):
    """Wait until a process of the node writes; where it gets no CPU, that takes longer."""
    return tools.eventually(lambda: beats(sandbox, name), what=f"a sign of life of {name}")


def test_nodes_die_and_return_and_lose_their_network(sandbox, tools, isolation):
    beat = 'while true; do date +%N > "$(hostname)"; sleep 0.1; done'
    script = f"cd; echo run >> runs; for host in $(tail -1 $PBS_NODEFILE); do ssh $host '{beat}' & done; {beat}\n"
    job_id = sandbox.submit(script, "-q", "preemptable", select="2:ngpus=4")
    head, last = "x3001c0s1b0n0", "x3001c0s1b1n0"
    tools.eventually(lambda: all((sandbox.home / name).exists() for name in (head, last)))
    sandbox.fault("die", "last")
    tools.eventually(lambda: not beats(sandbox, last), what="the death of the second node")
    assert live_on(tools, sandbox, head)
    assert sandbox.job(job_id)["job_state"] == "R"
    assert sandbox.call("pbsnodes", "-l").stdout.split() == [last, "down"]
    assert "No route to host" in sandbox.call("ssh", last, "true").stderr
    sandbox.fault("die", "head")
    tools.eventually(lambda: not beats(sandbox, head), what="the death of the first node")
    assert sandbox.job(job_id)["job_state"] == "R", "PBS has not noticed"
    qdel = sandbox.call("qdel", job_id)
    words = f"qdel: Server could not connect to MOM {job_id}\n"
    assert (qdel.returncode, qdel.stderr) == (222, words)
    assert sandbox.end_faults() == 2
    tools.eventually(
        lambda: (sandbox.home / "runs").read_text() == "run\n" * 2, what="a second run"
    )
    assert sandbox.job(job_id)["run_count"] == 2
    assert sandbox.call("pbsnodes", "-l").stdout == ""
    if isolation == "loopback":
        with pytest.raises(SandboxError, match="all nodes share one network"):
            sandbox.fault("cut")
        return
    reach = (
        "ssh",
        head,
        f"python3 -c 'import socket; socket.create_connection((\"{last}\", 9), 2)' 2>&1",
    )
    assert "refused" in sandbox.call(*reach).stdout
    sandbox.fault("cut", last)
    assert "timed out" in sandbox.call(*reach).stdout
    assert live_on(tools, sandbox, last), "it is cut off, not dead"
    sandbox.end_faults()
    tools.eventually(lambda: "refused" in sandbox.call(*reach).stdout, what="the way back")


WRITER = """\
import errno, os, sys
os.chdir("run_dir")
held = open("held", "a")
print("ready", flush=True)
def tried(call):
    try:
        call()
        return "ok"
    except OSError as error:
        return errno.errorcode[error.errno]
def into_held():
    held.write("x")
    held.flush()
for line in sys.stdin:
    new = f"new{line.strip()}"
    print(tried(into_held), tried(lambda: open(new, "w").close()), tried(lambda: os.mkdir(new + "d")),
          tried(lambda: open("held").read()), tried(lambda: open("../elsewhere", "w").write("x")),
          os.path.exists(new), flush=True)
"""


def test_a_full_directory_takes_nothing_and_one_that_is_gone_gives_nothing_until_it_is_over(
    start, tmp_path, tools
):
    folder = tmp_path / "sandbox"
    work = folder / "work"
    (work / "run_dir").mkdir(parents=True)
    (work / "writer.py").write_text(WRITER)
    for name in ("in", "out"):
        os.mkfifo(work / name)
    command = ["sh", "-c", f"exec {sys.executable} writer.py < in > out"]
    sandbox = start(folder, command=command)
    with (work / "in").open("w") as questions, (work / "out").open() as answers:
        assert answers.readline() == "ready\n"

        def ask(text):
            questions.write(f"{text}\n")
            questions.flush()
            return answers.readline().split()

        assert ask(1) == ["ok"] * 5 + ["True"]
        sandbox.fault("full", str(work / "run_dir"))
        assert ask(2) == ["ENOSPC"] * 3 + ["ok", "ok", "False"]
        with pytest.raises(SandboxError, match="not a directory"):
            sandbox.fault("full", str(work / "nowhere"))
        sandbox.end_faults()
        sandbox.fault("quota", str(work / "run_dir"))
        assert ask("q") == ["EDQUOT"] * 3 + ["ok", "ok", "False"]
        sandbox.end_faults()
        sandbox.fault("gone", str(work / "run_dir"))
        assert ask("g") == ["ESHUTDOWN"] * 4 + ["ok", "False"]
        sandbox.end_faults()
        assert ask(3) == ["ok"] * 5 + ["True"]


@only_loopback
def test_a_fault_that_cannot_be_made_is_refused(sandbox):
    for kind, target, keywords, problem in (
        ("explode", "", {}, "there is no fault 'explode'"),
        ("down", "qstatt", {}, "the sandbox has no command qstatt"),
        ("hold", "9", {}, "Unknown Job Id 9"),
        ("hold", "x", {}, "x is not a job"),
        ("die", "x", {}, "the sandbox has no node x"),
        ("slow", "", {"by": -1.0}, "by is -1.0"),
        ("hold", "", {"when": "held"}, "when is 'held'"),
        ("down", "", {"when": "queued"}, "not a fault of a job"),
    ):
        with pytest.raises(SandboxError, match=re.escape(problem)):
            sandbox.fault(kind, target, **keywords)


@only_loopback
def test_a_file_of_faults_and_the_command_rehearse_together(environment, tmp_path, tools):
    (tmp_path / "faults.toml").write_text(
        '[[fault]]\nkind = "slow"\ntarget = "qsub"\nby = 0.1\n'
        '[[fault]]\nkind = "delete"\ntarget = "job-1"\nwhen = "running"\n'
    )
    (tmp_path / "inside.sh").write_text(
        "id=$(echo sleep 3600 | qsub -A me -q debug -l walltime=600 -l filesystems=home)\n"
        "until qstat -x $id | grep -q ' F '; do sleep 0.4; done\n"
        '"$@" sandbox fault down --for 600; qselect; echo $?\n'
        '"$@" sandbox fault end; "$@" sandbox fault nosuch; echo $?\n'
        'ours=("$@"); polaris-parsl() { "${ours[@]}" "$@"; }\n'
        + "".join(
            f"{each.command}\n"
            for each in typed("docs/sandbox.md", "$ polaris-parsl sandbox fault")
        )
    )
    command = [sys.executable, "-c", COMMAND, str(tools.source)]
    done = subprocess.run(
        [*command, "sandbox", "--faults", "faults.toml", "--", "bash", "inside.sh", *command],
        env=environment | {"HOME": str(tmp_path)},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout == "162\n2 faults ended\n8\n2 faults ended\n", done.stderr
    for line in ("fault slow qsub", "fault delete job-1", "fault down", "fault down is over"):
        assert f"polaris-parsl sandbox: {line}\n" in done.stderr
    assert "error: there is no fault 'nosuch'" in done.stderr


def test_a_fault_outside_a_sandbox_says_so(monkeypatch, tmp_path):
    from polaris_parsl.sandbox.faults.ask import ask_to_end

    monkeypatch.delenv("POLARIS_PARSL_SANDBOX", raising=False)
    with pytest.raises(SandboxError, match="this is not a sandbox"):
        ask_to_end("all", state=None)
    with pytest.raises(SandboxError, match="cannot connect to the sandbox in"):
        ask_to_end("all", state=tmp_path)
