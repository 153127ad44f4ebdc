"""Every shape of work and way of running, for real: tasks on the sandbox's nodes."""

import ctypes.util
import json
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.configuration.workers import cpu_numbers
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.sandbox.linux.isolation import choose_isolation

WORKFLOW = Path(__file__).with_name("shapes.py")
CPUS = {str(each.gpu): {*cpu_numbers(each.cpus)} for each in polaris().node.accelerators}
# Submits a workflow as the script of a job of three nodes, and shows what it says.
IN_A_JOB = f"""
qsub -A sandbox -q preemptable -l select=3:ncpus=64:ngpus=4 -l walltime=0:10:00 \
    -l filesystems=home:eagle -j oe -o job.out >/dev/null <<'JOB'
cd "$PBS_O_WORKDIR"
{sys.executable} {WORKFLOW.name} inside
echo "ended $?"
JOB
until grep -q ended job.out 2>/dev/null; do sleep 0.3; done
cat job.out
"""
Found = dict[str, Any]
Run = Callable[..., Found]


# tests/sandbox/test_parsl.py runs Parsl in both, each time.
@pytest.fixture(
    params=["", pytest.param("loopback", marks=pytest.mark.long)], ids=["best", "loopback"]
)
def isolation(request: pytest.FixtureRequest) -> str:
    """The best that this machine has; the long tests also take the other."""
    return choose_isolation(str(request.param))


@pytest.fixture
def sandboxed(isolation: str, run_isolated: Callable[..., str]) -> Callable[..., str]:
    """Runs a command in a sandbox of its own, in tmp_path; returns what it prints."""
    return partial(run_isolated, isolation)


@pytest.fixture
def run(sandboxed: Callable[..., str], tmp_path: Path) -> Run:
    """What the tasks of a shape saw, by executor; and checks `script` against the submitted job."""

    def run_shape(shape: str) -> Found:
        found = found_in(sandboxed(sys.executable, str(WORKFLOW), shape))
        for label, script in found["scripts"].items():
            submitted = tmp_path / "runs" / "000" / "submit_scripts"
            (file,) = (
                each
                for each in submitted.glob(f"parsl.{label}.block-0.*")
                if each.suffix not in (".stdout", ".stderr")
            )
            assert "#PBS -l select=" in script
            assert known_before_the_run(script) == known_before_the_run(file.read_text())
        return found

    return run_shape


def known_before_the_run(script: str) -> str:
    """A job script without the driver's port and the time in the job's name."""
    script = re.sub(r"(with_driver [\d.,]+ )(?:\d+|WORKER_PORT)", r"\1", script)
    return re.sub(r"(--port=|\.block-0\.)[\w.]*\w", r"\1", script)


def found_in(output: str) -> Found:
    (line,) = (line for line in output.splitlines() if line.startswith("FOUND "))
    found: Found = json.loads(line.removeprefix("FOUND "))
    return found


def workers(rows: list[Any]) -> set[tuple[str, str | None, tuple[int, ...]]]:
    """The different workers that tasks ran on: node, GPUs, CPUs."""
    return {(node, gpus, tuple(cpus)) for node, gpus, cpus, *_ in rows}


def test_workers_share_a_gpu_under_mps_on_every_node(run: Run) -> None:
    found = run("shared")
    assert found["mode"] == "sandbox"
    for label, gpus in (("by_mpiexec", 2), ("by_parallel", 1)):
        rows = found["found"][label]
        seen = workers(rows)
        assert Counter((node, gpu) for node, gpu, _ in seen) == {
            (node, gpu): 2 for node in {node for node, *_ in seen} for gpu in sorted(CPUS)[:gpus]
        }
        assert len({node for node, *_ in seen}) == 2
        for _, gpu, cpus in seen:
            assert len(cpus) == 8
            assert set(cpus) < CPUS[str(gpu)]
        assert all(servers for *_, servers, _ in rows), "no MPS server where a task ran"


def test_executors_of_one_run_have_jobs_and_workers_of_their_own(run: Run) -> None:
    """Workers of several GPUs and of none; each is forked from a process that mpiexec has started.

    One starts an MPI program by mpiexec.
    """
    found = run("two")["found"]
    is_forked, sizes, complaint = found.pop("forked")
    assert is_forked
    if ctypes.util.find_library("mpich"):
        assert sizes == ["2", "2"], complaint

    jobs = [{job for *_, job in rows} for rows in found.values()]
    assert [len(each) for each in jobs] == [1, 1]
    assert jobs[0] != jobs[1]

    # a worker has several GPUs and their CPUs
    assert {(gpus, cpus) for _, gpus, cpus in workers(found["several"])} == {
        ("0,1", tuple(sorted(CPUS["0"] | CPUS["1"]))),
        ("2,3", tuple(sorted(CPUS["2"] | CPUS["3"]))),
    }
    # those without GPUs see none, and divide the CPUs
    seen = workers(found["cpu"])
    assert len(seen) == 4
    assert {gpus for _, gpus, _ in seen} == {None}
    assert sorted(cpu for *_, cpus in seen for cpu in cpus) == list(range(64))


def test_mpi_tasks_run_over_nodes_of_their_own_with_a_gpu_for_each_rank(run: Run) -> None:
    found = run("mpi")["found"]["mpi"]
    # on a block of four nodes: three tasks of two nodes, and each form of the documents, of all four
    sizes = [2] * 3 + [4] * (len(found["tasks"]) - 3)
    assert len(sizes) == 7
    for size, task in zip(sizes, found["tasks"], strict=True):
        ranks = [line.split() for line in task]
        assert len(ranks) == 4 * size
        nodes = {node for node, *_ in ranks}
        assert len(nodes) == size
        assert {(node, gpu) for node, gpu, *_ in ranks} == {(n, gpu) for n in nodes for gpu in CPUS}
        for _, gpu, *cpus in ranks:
            assert {int(cpu) for cpu in cpus} == CPUS[gpu]
    # neither it nor those behind it waited
    assert "num_nodes=5" in found["refusal"]
    assert "nodes_per_block=4" in found["refusal"]


def test_the_same_call_inside_a_job_uses_its_nodes_split_between_the_executors(
    sandboxed: Callable[..., str], tmp_path: Path
) -> None:
    shutil.copy(WORKFLOW, tmp_path)
    output = sandboxed("bash", "-c", IN_A_JOB)
    assert "ended 0" in output, output
    found = found_in(output)
    assert found["mode"] == "inside_job"
    seen = {label: workers(rows) for label, rows in found["found"].items()}
    nodes = {label: {node for node, *_ in each} for label, each in seen.items()}
    assert len(nodes["gpu"]) == 2
    assert len(nodes["cpu"]) == 1
    assert not nodes["gpu"] & nodes["cpu"]
    assert {gpu for _, gpu, _ in seen["gpu"]} == {"3"}
    assert len({job for rows in found["found"].values() for *_, job in rows}) == 1
