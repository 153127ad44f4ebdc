import json
import re
import sys

import pytest

only_loopback = pytest.mark.parametrize("isolation", ["loopback"], indirect=True)
DOMAIN = ".hsn.cm.polaris.alcf.anl.gov"
KEY = re.compile(r'^\s*"([A-Za-z_]+)":', re.MULTILINE)
REFRESH = (
    "import sys; sys.path.insert(0, sys.argv[1])\n"
    "from polaris_parsl.cli.main import app\n"
    "app(['queues', '--refresh'])\n"
)


@pytest.fixture
def sandbox(shared_sandbox):
    return shared_sandbox


def recording(tools, title, name="queues_and_nodes.txt"):
    text = (tools.recorded / name).read_text().partition(f"# {title}\n")[2]
    return text.partition("--- stdout\n")[2].partition("--- stderr")[0]


def names(text):
    """The attributes of PBS's long form, in order; a folded line continues the one before."""
    return re.findall(r"^ +(\S+) = ", text, re.MULTILINE)


@only_loopback
def test_queues_are_shown_in_openpbs_layout(sandbox, tools):
    job_id = sandbox.submit("sleep 3600\n", "-q", "debug")
    sandbox.wait(job_id, "R")
    table = sandbox.call("qstat", "-Q").stdout.splitlines()
    expected = recording(tools, "queues as a table").splitlines()
    assert table[:2] == expected[:2]
    (debug,) = [line for line in expected if line.startswith("debug ")]
    (prod,) = [line for line in expected if line.startswith("prod ")]
    assert {debug, prod} <= set(table)
    shown = sandbox.call("qstat", "-Qf", "debug").stdout
    recorded = recording(tools, "one queue in long form").replace("    Priority = 10\n", "")
    assert shown == recorded


@only_loopback
def test_queues_in_json_have_the_layout_of_the_release_clients(sandbox, tools):
    sandbox.wait(sandbox.submit("true\n", "-q", "debug"))
    shown = sandbox.call("qstat", "-Q", "-f", "-F", "json", "debug").stdout
    recorded = recording(tools, "one queue", "qstat_queue_release.txt")
    recorded = recorded.replace('            "Priority":10,\n', "")
    header = re.compile(r'"(timestamp|pbs_version)":.*')
    assert header.sub("", shown) == header.sub("", recorded)


@only_loopback
def test_an_unknown_queue_is_named_and_the_others_are_shown(sandbox):
    done = sandbox.call("qstat", "-Q", "-f", "-F", "json", "nosuch", "debug")
    assert (done.returncode, done.stderr) == (170, "qstat: Unknown queue nosuch\n")
    assert json.loads(done.stdout)["Queue"].keys() == {"debug"}


@only_loopback
def test_the_server_is_shown_in_openpbs_layout(start, tools):
    sandbox = start()  # it counts the jobs of its history, too
    sandbox.wait(sandbox.submit("sleep 3600\n"), "R")
    table = sandbox.call("qstat", "-B").stdout.splitlines()
    expected = recording(tools, "the server as a table").splitlines()
    assert table[:2] == expected[:2]
    assert (
        table[2] == "polaris-pbs-01.*     0     1     0     1     0     0     0     0 Active     "
    )
    shown = json.loads(sandbox.call("qstat", "-Bf", "-F", "json").stdout)
    recorded = json.loads(recording(tools, "the server"))
    (server,) = shown["Server"].values()
    (real,) = recorded["Server"].values()
    assert shown["Server"].keys() == recorded["Server"].keys()
    assert server.keys() <= real.keys()
    assert server["default_queue"] == "prod"
    assert server["job_history_duration"] == real["job_history_duration"]
    assert names(sandbox.call("qstat", "-Bf").stdout)[0] == "server_state"


@only_loopback
def test_pbsnodes_shows_the_nodes_and_their_jobs(sandbox, tools):
    job_id = sandbox.submit("sleep 3600\n", select="2:ncpus=8:ngpus=4")
    sandbox.wait(job_id, "R")
    nodes = json.loads(sandbox.call("pbsnodes", "-a", "-F", "json").stdout)["nodes"]
    assert [node["state"] for node in nodes.values()] == ["job-exclusive"] * 2 + ["free"] * 2
    first = nodes["x3001c0s1b0n0"]
    assert first["jobs"] == [job_id]
    assert first["Mom"] == f"x3001c0s1b0n0{DOMAIN}"
    assert first["resources_assigned"] == {"ncpus": 8, "ngpus": 4}
    assert first["resources_available"]["mem"] == "527672492kb"
    assert "jobs" not in nodes["x3001c0s7b0n0"]
    shown = sandbox.call("pbsnodes", "-a").stdout
    recorded = recording(tools, "nodes in long form")
    real = names(recorded.partition("\n\n")[0])
    # Kinds of resources that a pretended node does not have, and racks.
    ours = names(shown.partition("\n\n")[0])
    assert [name for name in real if name in ours] == ours
    assert f"     jobs = {job_id}/0\n" in shown


@only_loopback
def test_pbsnodes_refuses_an_unknown_node_as_openpbs_does(sandbox, tools):
    text = sandbox.call("pbsnodes", "nosuch")
    assert (text.returncode, text.stdout) == (1, "")
    assert text.stderr == "Node: nosuch,  Error: Unknown node \n"
    in_json = sandbox.call("pbsnodes", "-F", "json", "nosuch")
    assert in_json.returncode == 0
    recorded = json.loads(recording(tools, "an unknown node in JSON"))
    assert json.loads(in_json.stdout)["nodes"] == recorded["nodes"]
    assert sandbox.call("pbsnodes", "-l").stdout == recording(tools, "no node is down").replace(
        "(empty)\n", ""
    )
    assert sandbox.call("pbsnodes", "-S").returncode == 2
    head, *rows = sandbox.call("pbsnodes", "-aSj").stdout.splitlines()[2:]
    assert set(head) == {"-", " "}
    assert rows[0].split()[:2] == ["x3001c0s1b0n0", "free"]
    assert len(rows) == 4


def test_the_sandbox_has_the_queues_of_the_facts(run, tools):
    done = run(sys.executable, "-c", REFRESH, str(tools.source))
    assert (done.returncode, done.stderr.splitlines()[1:]) == (0, [])
    assert re.fullmatch(
        r"all \d+ queues of the facts agree with polaris-pbs-01\S+ .*\n", done.stdout
    )


@only_loopback
def test_queues_reports_a_system_that_differs_from_the_facts(run, tools, tmp_path):
    other = tmp_path / "bin"
    other.mkdir()
    (other / "qstat").write_text(
        '#!/bin/sh\n"$POLARIS_PARSL_SANDBOX/bin/login/qstat" "$@" |'
        ' sed -e \'s/"01:00:00"/"02:00:00"/\' -e \'s/"demand":/"new":/\'\n'
    )
    (other / "qstat").chmod(0o755)
    command = f'PATH="{other}:$PATH" exec "$0" -c "$1" "$2"'
    done = run("sh", "-c", command, sys.executable, REFRESH, str(tools.source))
    assert done.returncode == 9
    *lines, last = done.stdout.splitlines()
    assert lines == [
        "debug, resources_max.walltime: 01:00:00 in the facts, 02:00:00 here",
        "debug-scaling, resources_max.walltime: 01:00:00 in the facts, 02:00:00 here",
        "demand, queue: Execution in the facts, none here",
        "new, queue: none in the facts, Execution here",
    ]
    assert last.startswith("4 differences between polaris-pbs-01.")
