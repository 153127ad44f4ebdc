"""Which files the nodes of a sandbox share, and which each has for itself."""

import sys
from pathlib import Path

import pytest

from polaris_parsl.errors import SandboxError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.sandbox.launch import run_sandbox

only_namespaces = pytest.mark.parametrize("isolation", ["namespaces"], indirect=True)
OWN = " ".join(map(str, polaris().node.own))
TWO = "2:ngpus=4"
OTHER = "x3001c0s1b1n0"


@only_namespaces
def test_each_node_has_its_own_tmp_and_the_rest_of_the_machine_is_read_only(sandbox, tmp_path):
    hidden, shared = tmp_path / "hidden", sandbox.work / "shared"
    hidden.mkdir()
    script = f"""
for d in {OWN}; do echo $(hostname) > $d/polaris-parsl-of-a-node && echo wrote $d; done
ssh {OTHER} 'cat {{{OWN.replace(" ", ",")}}}/polaris-parsl-of-a-node 2>&1 | grep -c "No such file"'
ssh {OTHER} 'hostname > {shared}'; cat {shared}
python3 -c 'from multiprocessing.shared_memory import SharedMemory as S; s = S(create=True, size=9); s.unlink()'
ls {hidden}; touch /usr/of-a-node /of-a-node
exit 7
"""
    lines = sandbox.run_job(script, select=TWO).splitlines()
    assert lines[: len(polaris().node.own)] == [f"wrote {own}" for own in polaris().node.own]
    lines = lines[len(polaris().node.own) :]
    assert lines[:2] == [str(len(polaris().node.own)), OTHER]
    assert "No such file or directory" in lines[2]
    assert [line.rpartition(": ")[2] for line in lines[3:]] == ["Read-only file system"] * 2
    assert [own for own in polaris().node.own if (own / "polaris-parsl-of-a-node").exists()] == []
    # what a job leaves on its node, the next one finds; TMPDIR is of one job
    script = f"cat /tmp/polaris-parsl-of-a-node; ls -d /var/tmp/pbs.*; ssh {OTHER} test -d $TMPDIR; echo $?\n"
    first, tmpdir, there = sandbox.run_job(script, select=TWO).splitlines()
    assert first == "x3001c0s1b0n0"
    assert tmpdir.startswith("/var/tmp/pbs.1000001.")
    assert there == "0"


@only_namespaces
def test_the_files_of_nodes_go_with_the_sandbox(start):
    sandbox = start()
    sandbox.run_job("touch /tmp/mine $HOME/kept\n")
    assert list(sandbox.state.glob("nodes/*/tmp/mine"))
    sandbox.close()
    assert not (sandbox.state / "nodes").exists()
    assert (sandbox.home / "kept").exists()


@only_namespaces
def test_a_job_whose_output_its_node_cannot_write_is_held_as_by_pbs(sandbox, tmp_path):
    _is_held(sandbox, tmp_path / "of-the-login-node")


@pytest.mark.parametrize("isolation", ["loopback"], indirect=True)
def test_on_loopback_output_in_a_missing_directory_holds_a_job_too(sandbox, tmp_path):
    folder = tmp_path / "removed"
    _is_held(sandbox, folder, then=folder.rmdir)


def _is_held(sandbox, folder, then=lambda: None):
    folder.mkdir()
    job_id = sandbox.submit("true\n", "-h", "-j", "oe", "-o", str(folder / "out"))
    then()
    assert sandbox.call("qrls", job_id).returncode == 0
    job = sandbox.wait(job_id, state="H")
    assert job["comment"] == "job held, too many failed attempts to run"
    assert job["run_count"] == polaris().pbs_failed_starts_max
    assert sandbox.call("qdel", job_id).returncode == 0
    assert sandbox.wait(job_id)["Exit_status"] == -3


def test_config_refuses_a_run_dir_that_the_nodes_of_a_sandbox_do_not_share(run, tmp_path):
    code = "for each in sys.argv[1:]: polaris_parsl.config(account='me', run_dir=each); print('takes', each)"
    words = ["-c", f"import sys, polaris_parsl\n{code}", "runs", "/tmp/runs-of-the-login-node"]
    done = run(sys.executable, *words)
    assert done.stdout == "takes runs\n", done.stderr
    assert done.returncode == 1
    assert "not in a directory that the sandbox's nodes share" in done.stderr
    assert f"choose one below /home or {tmp_path}" in done.stderr


def test_what_nodes_share_is_said_first_and_can_be_chosen(run, isolation, tmp_path):
    (tmp_path / "chosen").mkdir()
    (tmp_path / "home").rmdir()
    done = run(
        *("printenv", "POLARIS_PARSL_SANDBOX_SHARED"),
        shared=[tmp_path / "chosen"],
        env={"HOME": "/"},
    )
    assert done.stdout.strip().split(":")[-1] == str(tmp_path / "chosen")
    assert str(tmp_path) not in done.stdout.strip().split(":")
    wanted = {
        "namespaces": f"share /home, {tmp_path}/chosen",
        "loopback": "share one network and all files",
    }
    assert f"; nodes {wanted[isolation]}" in done.stderr.splitlines()[0]


@pytest.mark.parametrize(
    ("folder", "words"),
    [("/tmp", "each node has /tmp, "), ("/", "each node has"), ("missing", "not a directory")],
)
def test_a_directory_that_cannot_be_shared_is_refused(folder, words, tmp_path, monkeypatch):
    monkeypatch.setenv("POLARIS_PARSL_SANDBOX_ISOLATION", "loopback")
    with pytest.raises(SandboxError, match=words):
        run_sandbox(["true"], nodes=1, state=tmp_path / "state", shared=[Path(folder)])
    assert not (tmp_path / "state").exists()
