import json
import re
import subprocess
import sys
import time

import pytest

from code_blocks import block
from polaris_parsl.sandbox.pbs.mom import KILL_DELAY_SECONDS
from polaris_parsl.sandbox.programs import client

only_loopback = pytest.mark.parametrize("isolation", ["loopback"], indirect=True)
DOMAIN = ".hsn.cm.polaris.alcf.anl.gov"


@pytest.fixture
def sandbox(shared_sandbox):
    return shared_sandbox


def test_a_job_runs_through_the_states_and_returns_its_exit_code(sandbox):
    job_id = sandbox.submit("#!/bin/bash\nuntil [ -e go ]; do sleep 0.05; done; exit 3\n")
    assert job_id.endswith(".polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov")
    running = sandbox.wait(job_id, "R")
    assert running["substate"] in {41, 42}
    assert running["exec_host"] == "x3001c0s1b0n0/0"
    (sandbox.home / "go").touch()  # jobs start in HOME
    exiting = sandbox.wait(job_id, "EF")
    assert exiting["Exit_status"] == 3
    assert exiting["substate"] == {"E": 51, "F": 93}[exiting["job_state"]]
    finished = sandbox.wait(job_id)
    assert (finished["substate"], finished["Exit_status"]) == (93, 3)
    assert finished["comment"].endswith(" and failed")


@only_loopback
def test_qsub_waits_for_the_end_of_a_job_and_returns_its_exit_code(sandbox):
    limits = ["-A", "me", "-q", "debug", "-l", "walltime=0:10:00", "-l", "filesystems=home"]
    documented = block("docs/sandbox.md", "qsub -W block=true")
    for script, code in (
        ("exit 3\n", 3),
        ("#PBS -W block=true\nexit 4\n", 4),
        ("kill $$\n", 128 + 15),
    ):
        word, *options, _ = documented.text.split()
        words = [] if "block" in script else options
        done = sandbox.call(word, *limits, *words, stdin=None, input=script)
        assert done.returncode == code, done.stderr
        assert sandbox.job(done.stdout.strip())["job_state"] == "F"
    done = sandbox.call("qsub", *limits, "-W", "umask=22", stdin=None, input="true\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert "imitates only block=... and depend=... of -W, not umask=22" in done.stderr


def test_a_job_has_the_environment_that_a_real_mom_gives(sandbox):
    script = (
        "#!/bin/bash\numask; pwd; echo $0; shopt login_shell\nenv -0 > env; cat $PBS_NODEFILE\n"
    )
    output = sandbox.run_job(script, select="2:ncpus=8:ngpus=4", env={"SECRET": "x"})
    lines = output.splitlines()
    assert lines[0] == "0077"
    assert lines[1] == str(sandbox.home)
    assert lines[2].endswith(".SC")
    assert "off" in lines[3]
    assert lines[4:] == [f"x3001c0s1b0n0{DOMAIN}", f"x3001c0s1b1n0{DOMAIN}"]
    pairs = (sandbox.home / "env").read_text().rstrip("\0").split("\0")
    environment = dict(pair.split("=", 1) for pair in pairs)
    job_id = environment["PBS_JOBID"]
    expected = {
        "ENVIRONMENT": "BATCH",
        "HOME": str(sandbox.home),
        "LOGNAME": "tester",
        "NCPUS": "8",
        "OMP_NUM_THREADS": "8",
        "PBS_ACCOUNT": "datascience",
        "PBS_ENVIRONMENT": "PBS_BATCH",
        "PBS_JOBDIR": str(sandbox.home),
        "PBS_JOBNAME": "job.sh",
        "PBS_NODENUM": "0",
        "PBS_O_HOME": str(sandbox.home),
        "PBS_O_HOST": f"polaris-login-01{DOMAIN}",
        "PBS_O_LOGNAME": "tester",
        "PBS_O_PATH": sandbox.environment["PATH"],
        "PBS_O_QUEUE": "debug-scaling",
        "PBS_O_SHELL": "/bin/bash",
        "PBS_O_SYSTEM": "Linux",
        "PBS_O_WORKDIR": str(sandbox.work),
        "PBS_QUEUE": "debug-scaling",
        "PBS_TASKNUM": "1",
    }
    assert {name: environment.get(name) for name in expected} == expected
    assert environment.keys() >= {"PBS_JOBCOOKIE", "PBS_MOMPORT", "PBS_NODEFILE"}
    assert len(environment["TMPDIR"]) >= len(f"/var/tmp/pbs.{job_id}")
    assert environment["PATH"].startswith(f"{sandbox.state}/bin/node:")
    assert "CUDA_VISIBLE_DEVICES" not in environment
    assert "SECRET" not in environment


@only_loopback
def test_jobs_get_variables_only_with_v_and_never_path(sandbox):
    output = sandbox.work / "out"
    script = 'echo "$A|$B|$C|$PATH"\n'
    for option, expected in (("-vA=1,B", "1|2||"), ("-V", "|2|3|")):
        output.unlink(missing_ok=True)
        environment = {"B": "2", "C": "3", "PATH": "/submitters:/usr/bin:/bin"}
        job_id = sandbox.submit(script, "-o", str(output), option, env=environment)
        sandbox.wait(job_id)
        assert output.read_text().startswith(expected)
        assert "/submitters" not in output.read_text()


@only_loopback
def test_output_files_appear_at_once_are_private_and_grow(sandbox, tools):
    out, err = sandbox.work / "a.out", sandbox.work / "a.err"
    script = "echo out; echo err >&2; until [ -e go ]; do sleep 0.05; done\n"
    for count in (1, 2):
        (sandbox.home / "go").unlink(missing_ok=True)
        job_id = sandbox.submit(script, "-o", str(out), "-e", str(err))
        tools.eventually(lambda n=count: err.exists() and err.read_text() == "err\n" * n)
        assert sandbox.job(job_id)["job_state"] == "R"
        (sandbox.home / "go").touch()
        sandbox.wait(job_id)
    assert out.read_text() == "out\n" * 2
    assert out.stat().st_mode & 0o777 == 0o600


@only_loopback
def test_without_o_and_e_the_files_are_named_after_the_job_in_the_working_directory(sandbox):
    job_id = sandbox.submit("echo x\n", "-N", "short")
    sandbox.wait(job_id)
    number = job_id.split(".")[0]
    assert (sandbox.work / f"short.o{number}").read_text() == "x\n"
    assert (sandbox.work / f"short.e{number}").read_text() == ""


def test_a_job_over_its_walltime_gets_a_message_and_ends(sandbox):
    err = sandbox.work / "err"
    script = "trap 'echo trapped' TERM\nsleep 3600\n"
    job_id = sandbox.submit(script, "-e", str(err), walltime="2")
    job = sandbox.wait(job_id)
    assert (job["substate"], job["Exit_status"]) == (93, -29)
    assert job["comment"].endswith(" and exceeded resource walltime")
    assert re.search(r"=>> PBS: job killed: walltime \d+ exceeded limit 2\n", err.read_text())


@only_loopback
def test_a_deleted_job_is_running_until_its_processes_are_gone(sandbox, tools):
    script = "trap '' TERM\nsetsid sleep 333 &\ntouch up\nwhile true; do sleep 0.1; done\n"
    job_id = sandbox.submit(script)
    tools.eventually((sandbox.home / "up").exists)
    before = time.monotonic()
    assert sandbox.call("qdel", job_id).returncode == 0
    job = sandbox.job(job_id)
    assert re.search(r" and terminated by tester@polaris-login-01\S*$", job["comment"])
    # where the machine is slow, they may have been killed by now
    assert job["job_state"] == "R" or time.monotonic() - before >= KILL_DELAY_SECONDS
    while job["job_state"] == "R":
        job = sandbox.job(job_id)
    assert not [line for _, line in tools.processes_of(sandbox.state) if b"333" in line]
    job = sandbox.wait(job_id)
    assert (job["substate"], job["Exit_status"]) == (91, 271)


@only_loopback
def test_qdel_says_what_openpbs_says(sandbox):
    finished = sandbox.submit("true\n")
    sandbox.wait(finished)
    running = sandbox.submit("sleep 3600\n")
    unknown = finished.replace(finished.split(".")[0], "999999")
    done = sandbox.call("qdel", unknown, finished, "abc", running)
    assert done.stderr.splitlines() == [
        f"qdel: Unknown Job Id {unknown}",
        f"qdel: Job has finished {finished}",
        "qdel: illegally formed job identifier: abc",
    ]
    assert done.returncode == 1
    sandbox.wait(running)  # it was deleted nevertheless
    assert sandbox.call("qdel", finished).returncode == 35
    assert sandbox.call("qdel", unknown).returncode == 153
    assert sandbox.call("qdel", "-x", finished).returncode == 0
    assert sandbox.call("qstat", "-x", finished).returncode == 153


@only_loopback
def test_a_queued_job_is_deleted_at_once_without_an_exit_status(sandbox):
    first = sandbox.submit("sleep 3600\n", "-q", "preemptable", select="4:ngpus=4")
    queued = sandbox.submit("true\n", "-q", "preemptable", select="1:ngpus=4")
    assert sandbox.job(queued)["job_state"] == "Q"
    sandbox.call("qdel", queued)
    job = sandbox.job(queued)
    assert (job["job_state"], job["substate"]) == ("F", 91)
    assert "Exit_status" not in job
    assert "obittime" not in job
    sandbox.call("qdel", first)


@only_loopback
def test_a_job_waits_for_free_nodes_and_then_runs(sandbox):
    first = sandbox.submit("until [ -e go ]; do sleep 0.05; done\n", "-q", "preemptable",
                           select="4:ngpus=4")  # fmt: skip
    second = sandbox.submit("true\n", "-q", "preemptable", select="2:ngpus=4")
    waiting = sandbox.job(second)
    assert waiting["job_state"] == "Q"
    assert waiting["comment"].startswith("Not Running: ")
    (sandbox.home / "go").touch()
    sandbox.wait(first)
    assert sandbox.wait(second)["Exit_status"] == 0


@only_loopback
def test_a_job_that_can_never_run_stays_queued_with_the_reason(sandbox):
    job_id = sandbox.submit("true\n", "-q", "preemptable", select="5:ncpus=1:ngpus=4")
    job = sandbox.wait(job_id, "Q")
    assert job["comment"] == "Not Running: Insufficient amount of resource: ngpus "


PLACEMENTS = [
    ("3:ncpus=1:ngpus=4", "", "012"),
    ("3:ncpus=32:ngpus=4", "", "012"),
    ("3:ncpus=1", "", "000"),
    ("3:ncpus=1", "scatter", "012"),
    ("2:ncpus=1:ngpus=2", "", "00"),
    ("2:ncpus=4:ngpus=4:mpiprocs=4", "", "00001111"),
    ("3:ncpus=32", "", "001"),
    ("2:system=polaris", "scatter", "01"),
]


@only_loopback
def test_chunks_are_placed_as_openpbs_places_them(sandbox):
    names = ["x3001c0s1b0n0", "x3001c0s1b1n0", "x3001c0s7b0n0"]
    found = []
    for select, how, _ in PLACEMENTS:
        options = ("-l", f"place={how}") if how else ()
        output = sandbox.run_job("cat $PBS_NODEFILE\n", options=options, select=select)
        hosts = [name.removesuffix(DOMAIN) for name in output.split()]
        found.append((select, how, "".join(str(names.index(host)) for host in hosts)))
    assert found == PLACEMENTS


@only_loopback
def test_qstat_prints_json_in_the_layout_of_the_release_clients(sandbox, tools):
    job_id = sandbox.submit("true\n", "-N", "oktest")
    sandbox.wait(job_id)
    time_of = re.compile(r'("timestamp":|"history_timestamp":)\d+')
    shown = sandbox.call("qstat", "-x", "-f", "-F", "json", job_id).stdout
    recorded = (tools.recorded / "qstat_finished.txt").read_text()
    recorded = recorded.partition("--- stdout\n")[2].partition("\n--- stderr")[0]
    keys = re.compile(r'^( *)"([A-Za-z_]+)":(.?)', re.MULTILINE)

    def outline(text):
        # Variables differ between sessions; quotes and order must not.
        text = re.sub(r'"Variable_List":\{[^}]*\}', "", text)
        return [
            (indent, key, "{" if first == "{" else '"' if first == '"' else "0")
            for indent, key, first in keys.findall(text)
        ]

    assert outline(time_of.sub(r"\g<1>0", shown)) == outline(recorded)
    assert shown.endswith("\n}")


@only_loopback
def test_qstat_shows_known_jobs_and_fails_for_unknown_ones(sandbox):
    finished = sandbox.submit("true\n")
    sandbox.wait(finished)
    short = finished.split(".")[0]
    mixed = sandbox.call("qstat", "-x", "-f", "-F", "json", "999999", short, short)
    assert mixed.returncode == 153
    assert list(json.loads(mixed.stdout)["Jobs"]) == [finished]
    history = sandbox.call("qstat", "-f", "-F", "json", finished)
    assert history.returncode == 35
    assert history.stderr == (
        f"qstat: {finished} Job has finished, use -x or -H to obtain historical job information\n"
    )
    assert list(json.loads(history.stdout)) == ["timestamp", "pbs_version", "pbs_server"]
    malformed = sandbox.call("qstat", "abc")
    assert (malformed.returncode, malformed.stderr) == (
        170,
        "qstat: Unknown queue destination abc\n",
    )
    assert sandbox.call("qstat", "-F", "json").returncode == 2


@only_loopback
def test_qstat_prints_tables_for_people(sandbox):
    job_id = sandbox.submit("sleep 3600\n", "-N", "a-rather-long-job-name")
    sandbox.wait(job_id, "R")
    number = job_id.partition(".")[0]
    lines = sandbox.call("qstat").stdout.splitlines()
    assert lines[0] == "Job id            Name             User              Time Use S Queue"
    assert re.match(
        rf"{number}\.polaris-p\S* +a-rather-long-j\* +tester +\S+ R debug-scaling", lines[2]
    )
    assert f"{number}." in sandbox.call("qstat", "-u", "tester").stdout
    assert sandbox.call("qstat", "-u", "nobody").stdout == ""
    assert "    job_state = R\n" in sandbox.call("qstat", "-f", job_id).stdout


@only_loopback
def test_qselect_finds_jobs_by_state_name_and_queue(sandbox):
    finished = sandbox.submit("true\n", "-N", "quick")
    sandbox.wait(finished)
    running = sandbox.submit("sleep 3600\n")
    sandbox.wait(running, "R")
    assert sandbox.call("qselect").stdout == f"{running}\n"
    assert sandbox.call("qselect", "-s", "R", "-q", "debug-scaling").stdout == f"{running}\n"
    assert sandbox.call("qselect", "-x", "-N", "quick").stdout == f"{finished}\n"
    assert sandbox.call("qselect", "-u", "nobody").stdout == ""


@only_loopback
def test_jobs_of_an_earlier_sandbox_are_history_in_the_same_state_directory(start, tmp_path):
    first = start()
    job_id = first.submit("sleep 3600\n")
    first.wait(job_id, "R")
    first.close()
    from_before = type(first)(first.environment, tmp_path / "s0")
    try:
        job = from_before.job(job_id)
        assert (job["job_state"], job["substate"]) == ("F", 91)
        assert from_before.submit("true\n") > job_id
    finally:
        from_before.close()


def test_the_clients_use_the_standard_library_only():
    command = [sys.executable, "-I", "-S", client.__file__, "/nowhere", "qstat"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == client.SSH_FAILED
    assert done.stderr.startswith("qstat: cannot connect to the sandbox in /nowhere: ")
