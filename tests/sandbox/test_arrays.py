"""Job arrays: `qsub -J` gives one job, whose subjobs run one by one, as recorded on OpenPBS."""

import json

import pytest

pytestmark = pytest.mark.parametrize("isolation", ["loopback"], indirect=True)
QUEUE = ("-q", "preemptable")
WAITS = "until [ -e go-$PBS_ARRAY_INDEX ]; do sleep 0.05; done; exit $PBS_ARRAY_INDEX\n"


@pytest.fixture
def sandbox(shared_sandbox):
    return shared_sandbox


def states(sandbox, array, *options):
    done = sandbox.call("qstat", "-x", "-t", "-f", "-F", "json", array)
    assert done.returncode == 0, done.stderr
    jobs = json.loads(done.stdout)["Jobs"]
    return {
        name.split(".")[0].partition("[")[2][:-1]: job["job_state"] for name, job in jobs.items()
    }


def array_of(sandbox, indices, *options, script=WAITS):
    array = sandbox.submit(script, *QUEUE, "-J", indices, *options)
    number, _, server = array.partition("[].")
    return array, lambda index: f"{number}[{index}].{server}"


def until(sandbox, tools, array, wanted):
    tools.eventually(lambda: states(sandbox, array) == wanted, what=f"{wanted}")


def test_subjobs_run_and_their_array_ends_with_the_last(sandbox, tools):
    script = (
        "echo $PBS_ARRAY_INDEX $PBS_ARRAY_ID $PBS_JOBID $TMPDIR; cat $PBS_NODEFILE | wc -l\n"
        + WAITS
    )
    array, subjob = array_of(sandbox, "0-4:2", "-N", "arr", "-j", "oe", script=script)
    number, _, server = array.partition("[")
    assert number.isdigit()
    assert server.startswith("].polaris-pbs-01.")
    until(sandbox, tools, array, {"": "B", "0": "R", "2": "R", "4": "R"})
    shown = sandbox.job(array)
    assert shown["array_state_count"] == "Queued:0 Running:3 Exiting:0 Expired:0"
    assert (shown["array"], shown["array_indices_submitted"]) == ("True", "0-4:2")
    assert (shown["array_indices_remaining"], shown["substate"]) == ("-", 70)
    assert shown["comment"].startswith("Job Array Began at ")
    assert "exec_host" not in shown
    assert shown["Output_Path"].endswith(f"/arr.o{number}.^array_index^")
    one = sandbox.job(subjob(2))
    assert (one["array_id"], one["array_index"]) == (array, 2)
    lines = sandbox.call("qstat").stdout.splitlines()
    assert [line.split()[0] for line in lines[2:]] == [f"{number}[].polari*"]
    lines = sandbox.call("qstat", "-t").stdout.splitlines()
    assert [line.split()[0] for line in lines[2:]] == [
        f"{number}[].polari*", *(f"{number}[{index}].polar*" for index in (0, 2, 4)),
    ]  # fmt: skip
    (sandbox.home / "go-0").touch()
    until(sandbox, tools, array, {"": "B", "0": "X", "2": "R", "4": "R"})
    assert sandbox.job(array)["array_state_count"] == "Queued:0 Running:2 Exiting:0 Expired:1"
    for index in (2, 4):
        (sandbox.home / f"go-{index}").touch()
    assert sandbox.wait(array)["Exit_status"] == 1
    assert set(states(sandbox, array).values()) == {"F"}
    assert sandbox.job(subjob(4))["Exit_status"] == 4
    assert sandbox.call("qstat", subjob(4)).returncode == 35
    folder = f"/var/tmp/pbs.{subjob(2)}"
    *words, tmpdir, nodes = (sandbox.work / f"arr.o{number}.2").read_text().split()
    assert (words, nodes) == (["2", array, subjob(2)], "1")
    # where another sandbox of this machine has the name, the end of ours differs
    assert (tmpdir[:-8], len(tmpdir)) == (folder[:-8], len(folder))


def test_no_more_run_at_once_than_may_and_deleted_ones_never_start(sandbox, tools):
    array, subjob = array_of(sandbox, "1-4%1")
    until(sandbox, tools, array, {"": "B", "1": "R", "2": "Q", "3": "Q", "4": "Q"})
    shown = sandbox.job(array)
    assert (shown["array_indices_submitted"], shown["array_indices_remaining"]) == ("1-4", "2-4")
    assert sandbox.job(subjob(3))["job_state"] == "Q"
    number = array.split("[")[0]
    assert sandbox.call("qdel", f"{number}[2-3]").returncode == 0
    until(sandbox, tools, array, {"": "B", "1": "R", "2": "X", "3": "X", "4": "Q"})
    assert sandbox.call("qdel", subjob(1)).returncode == 0
    until(sandbox, tools, array, {"": "B", "1": "X", "2": "X", "3": "X", "4": "R"})
    assert sandbox.call("qdel", array).returncode == 0
    assert sandbox.wait(array)["substate"] == 91
    assert set(states(sandbox, array).values()) == {"F"}
    assert sandbox.call("qdel", subjob(9)).returncode == 153


def test_an_array_is_held_as_a_whole_and_can_wait_for_others(sandbox, tools):
    array, subjob = array_of(sandbox, "0-1", "-h")
    assert states(sandbox, array) == {"": "H", "0": "Q", "1": "Q"}
    assert sandbox.call("qhold", subjob(0)).returncode == 168
    after = sandbox.submit("true\n", *QUEUE, "-W", f"depend=afterany:{array}")
    assert sandbox.wait(after, "H")["depend"] == f"afterany:{array}"
    assert sandbox.call("qselect", "-J").stdout.split() == [array]
    assert len(sandbox.call("qselect", "-t", "-J").stdout.split()) == 3
    assert sandbox.call("qalter", "-N", "other", array).returncode == 0
    assert sandbox.call("qrls", array).returncode == 0
    until(sandbox, tools, array, {"": "B", "0": "R", "1": "R"})
    assert sandbox.job(subjob(1))["Job_Name"] == "other"
    # a subjob that runs again keeps its index
    sandbox.fault("requeue", subjob(1))
    tools.eventually(lambda: sandbox.job(subjob(1)).get("run_count") == 2, what="its second run")
    for index in (0, 1):
        (sandbox.home / f"go-{index}").touch()
    sandbox.wait(array)
    assert sandbox.wait(after)["Exit_status"] == 0


def test_what_openpbs_refuses_of_arrays_is_refused(sandbox):
    words = ("qsub", "-A", "me", *QUEUE, "-l", "walltime=600", "-l", "filesystems=home")
    (sandbox.work / "job.sh").write_text("true\n")
    for indices in ("5", "3-1", "1-1", "0-3:0", "0-3%0", "a-b", ""):
        done = sandbox.call(*words, "-J", indices, "job.sh")
        assert (done.returncode, done.stderr.startswith("qsub: illegal -J value")) == (2, True)
    assert "non-rerunable" in sandbox.call(*words, "-r", "n", "-J", "0-3", "job.sh").stderr
    assert sandbox.call(*words, "-J", "0-20000", "job.sh").returncode == 2
    # each subjob counts where a queue takes so many jobs of a user
    debug = [each if each != "preemptable" else "debug" for each in words]
    refused = sandbox.call(*debug, "-J", "0-99", "job.sh")
    assert "per-user limit" in refused.stderr
