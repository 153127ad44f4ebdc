import os
import re
import shutil
import sys
from pathlib import Path

import pytest

only_loopback = pytest.mark.parametrize("isolation", ["loopback"], indirect=True)
THREE = ["x3001c0s1b0n0", "x3001c0s1b1n0", "x3001c0s7b0n0"]
THREE_NODES = "3:ncpus=1:ngpus=4"
CPUS = """\
import os, subprocess, sys
print(len(os.sched_getaffinity(0)), os.cpu_count(), os.sysconf("SC_NPROCESSORS_CONF"))
os.sched_setaffinity(0, {31, 63})
print(sorted(os.sched_getaffinity(0)))
sys.stdout.flush()
subprocess.run([sys.executable, "-c", "import os; print(sorted(os.sched_getaffinity(0)))"])
try:
    os.sched_setaffinity(0, {64})
except OSError as error:
    print(error.errno)
"""


@pytest.fixture
def sandbox(shared_sandbox):
    return shared_sandbox


def test_mpiexec_with_flags_of_pals_starts_one_rank_on_each_node(sandbox):
    flags = "--cpu-bind none --depth=64 --ppn 1 -n 3 --hostfile hosts --env GREETING='a b'"
    command = "sh -c 'echo $(hostname) $PMI_RANK $PMI_LOCAL_RANK $PMI_SIZE $PWD $GREETING $MINE'"
    script = f"sort -u $PBS_NODEFILE > hosts; export MINE=own; mpiexec {flags} {command}\n"
    lines = sorted(sandbox.run_job(script, select=THREE_NODES).splitlines())
    assert lines == [f"{name} {i} 0 3 {sandbox.home} a b own" for i, name in enumerate(THREE)]


def test_mpiexec_starts_ranks_through_ssh_without_mpich(sandbox):
    few = sandbox.home / "few"
    few.mkdir()
    for tool in ("sh", "env", "hostname", "bash"):
        (few / tool).symlink_to(shutil.which(tool))
    command = "sh -c 'echo $(hostname) $PMI_RANK $PMI_LOCAL_RANK $PMI_SIZE $PWD'"
    script = (
        f"mkdir here; cd here; PATH={sandbox.state}/bin/node:{few}\n"
        f"mpiexec -n 3 --ppn 2 {command}; echo code $?\n"
        "mpiexec -n 2 --ppn 1 sh -c 'exit 4'; echo code $?\n"
    )
    *ranks, first, second = sandbox.run_job(script, select="2:ngpus=4").splitlines()
    here = f"3 {sandbox.home}/here"
    places = [f"{THREE[0]} 0 0", f"{THREE[0]} 1 1", f"{THREE[1]} 2 0"]
    assert sorted(ranks) == [f"{place} {here}" for place in places]
    assert (first, second) == ("code 0", "code 4")


REFUSED = {
    "--bind-to none true": "unrecognized option '--bind-to'",
    "--map-by node true": "unrecognized option '--map-by'",
    "--npernode 1 true": "unrecognized option '--npernode'",
    "--hosts x3001c0s7b1n0 true": "host x3001c0s7b1n0 is not in this job",
    "-n 5 --ppn 1 true": "5 ranks do not fit on 1 hosts with 1 each",
    "-n 1": "no executable specified",
}


@only_loopback
def test_mpiexec_refuses_what_pals_refuses(sandbox):
    output = sandbox.run_job("".join(f"mpiexec {words}; echo $?\n" for words in REFUSED))
    assert output == "".join(f"mpiexec: {problem}\n1\n" for problem in REFUSED.values())


def test_ssh_reaches_the_nodes_of_a_running_job_with_a_clean_environment(sandbox):
    inner = "hostname; cat; echo oops >&2; pwd; echo [$MINE]; exit 5"
    script = f"export MINE=1\nfor h in $(cat $PBS_NODEFILE); do echo in | ssh -oX=y u@$h -l me -- '{inner}'; echo $?; done\n"
    output = sandbox.run_job(script, select=THREE_NODES)
    block = "{}\nin\noops\n{}\n[]\n5\n"
    assert output == "".join(block.format(name, sandbox.home) for name in THREE)


def test_ssh_is_refused_where_no_job_runs(sandbox):
    idle = sandbox.call("ssh", THREE[0], "true")
    assert (idle.returncode, idle.stdout) == (255, "")
    assert "no job of yours is running" in idle.stderr
    assert sandbox.call("ssh", "elsewhere", "true").returncode == 255


def test_a_command_on_a_node_ends_with_its_ssh_client(sandbox, tools):
    script = (
        "ssh $(hostname) sleep 777 & client=$!\n"
        "until [ -e go ]; do sleep 0.05; done; kill -KILL $client; sleep 3600\n"
    )
    job_id = sandbox.submit(script)

    def there():
        return [
            line for _, line in tools.processes_of(sandbox.state) if line == b"sleep\x00777\x00"
        ]

    tools.eventually(there, what="the command")
    (sandbox.home / "go").touch()
    tools.eventually(lambda: not there(), what="the end of the command")
    assert sandbox.job(job_id)["job_state"] == "R"


@pytest.mark.skipif(shutil.which("parallel") is None, reason="GNU Parallel is not installed")
def test_gnu_parallel_starts_a_command_on_each_node(sandbox):
    script = """\
mkdir .parallel
env -i HOME=$HOME /usr/bin/parallel --record-env
sort -u $PBS_NODEFILE > nodes
for i in 1 2 3; do echo 'sleep 0.5; hostname'; done > commands
parallel --env _ --joblog log --sshloginfile nodes --jobs 1 < commands
echo code $?
"""
    lines = sandbox.run_job(script, select=THREE_NODES).splitlines()
    assert lines[-1] == "code 0"
    assert sorted(line for line in lines if line.startswith("x")) == THREE


def test_a_node_imitates_the_cpus_of_polaris(sandbox):
    (sandbox.home / "cpus.py").write_text(CPUS)
    script = f"getconf _NPROCESSORS_ONLN; {sys.executable} cpus.py; ssh $(hostname) getconf _NPROCESSORS_ONLN\n"
    assert sandbox.run_job(script) == "64\n64 64 64\n[31, 63]\n[31, 63]\n22\n64\n"


def test_the_login_node_keeps_the_cpus_of_the_machine_and_has_the_address_to_use(run, isolation):
    done = run("sh", "-c", "nproc; hostname; echo $POLARIS_PARSL_ADDRESS")
    address = "127.0.0.1" if isolation == "loopback" else ""
    cpus = len(os.sched_getaffinity(0))
    assert done.stdout == f"{cpus}\npolaris-login-01\n{address}\n"


def test_each_node_has_four_gpus_of_its_own(sandbox):
    script = (
        "for h in $(cat $PBS_NODEFILE); do ssh $h nvidia-smi -L; done; nvidia-smi -q; echo $?\n"
    )
    *gpus, problem, code = sandbox.run_job(script, select="2:ngpus=4").splitlines()
    pattern = re.compile(r"GPU (\d): NVIDIA A100-SXM4-40GB \(UUID: (GPU-[0-9a-f-]{36})\)")
    found = [match.groups() for match in map(pattern.fullmatch, gpus) if match]
    assert len(found) == len(gpus)
    assert [number for number, _ in found] == list("0123") * 2
    assert len({identity for _, identity in found}) == 8
    assert (problem, code) == ("nvidia-smi: the sandbox imitates only -L", "2")


@pytest.mark.parametrize("isolation", ["namespaces"], indirect=True)
def test_a_node_has_the_interfaces_of_polaris_and_reaches_the_others_by_name(sandbox):
    script = """\
ip -o -4 addr | awk '{print $2}' | sort -u | xargs
for name in polaris-login-01 x3001c0s1b1n0.hsn.cm.polaris.alcf.anl.gov; do getent hosts $name; done
python3 - <<'PY'
import socket, subprocess
listener = socket.create_server(("", 0))
port = listener.getsockname()[1]
code = f"import socket; socket.create_connection(('{socket.gethostname()}', {port})).sendall(b'hi')"
peer = subprocess.Popen(["ssh", "x3001c0s1b1n0", f'python3 -c "{code}"'])
connection, address = listener.accept()
print(connection.recv(9), address[0] != listener.getsockname()[0])
peer.wait()
PY
"""
    lines = sandbox.run_job(script, select="2:ngpus=4").splitlines()
    assert lines[0] == "bond0 hsn0 lo"
    assert lines[1].split()[-1] == "polaris-login-01"
    assert lines[2].split()[1] == "x3001c0s1b1n0.hsn.cm.polaris.alcf.anl.gov"
    assert lines[3] == "b'hi' True"


@pytest.mark.parametrize("isolation", ["namespaces"], indirect=True)
def test_the_network_is_invisible_outside(sandbox):
    interfaces = {path.name for path in Path("/sys/class/net").iterdir()}
    assert not interfaces & {"bond0", "hsn0", "br0", "br1", "v0i0"}
    assert "x3001c0s1b0n0" not in Path("/etc/hosts").read_text()


@only_loopback
def test_node_names_resolve_to_loopback(sandbox):
    code = "import socket as s; print(s.gethostbyname(s.gethostname()), s.gethostname())"
    output = sandbox.run_job(f"{sys.executable} -c '{code}'\n")
    assert output == "127.0.0.1 x3001c0s1b0n0\n"
