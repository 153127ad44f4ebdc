import json
import sys
from pathlib import Path

import pytest

from code_blocks import block
from meeting import meet

pytest.importorskip("parsl")

WORKFLOW = """\
import json, os
import parsl
from parsl.addresses import address_by_interface
from parsl.executors import HighThroughputExecutor
from parsl.launchers import {launcher}
from parsl.providers import PBSProProvider

@parsl.python_app
def where(folder, _):
    import os, socket
{meet}    return (socket.gethostname(), os.environ["CUDA_VISIBLE_DEVICES"],
            sorted(os.sched_getaffinity(0)), os.getcwd())

config = parsl.Config(
    run_dir="runinfo",
    strategy_period=0.5,
    executors=[HighThroughputExecutor(
        label="htex",
        address={address},
        available_accelerators={gpus},
        max_workers_per_node={gpus},
        cpu_affinity="list:" + ":".join({cpus}[:{gpus}]),
        provider=PBSProProvider(
            account="datascience",
            queue="debug-scaling",
            walltime="0:10:00",
            nodes_per_block=2,
            select_options="ngpus=4",
            scheduler_options="#PBS -l filesystems=home:eagle",
            worker_init={worker_init!r},
            launcher={launcher}({options}),
            max_blocks=1,
        ),
    )],
)
with parsl.load(config):
    found = [future.result() for future in [where(os.getcwd(), i) for i in range(2 * {gpus})]]
json.dump(found, open("found.json", "w"))
"""
PARSL = Path(sys.executable).parent
MPIEXEC = ("MpiExecLauncher", 'bind_cmd="--cpu-bind", overrides="--depth=64 --ppn 1"', "")
RECORD = f"{block('docs/sandbox.md', 'mkdir -p ~/.parallel').text.strip()}; "
PARALLEL = ("GnuParallelLauncher", "", RECORD)
LISTS = ["24-31,56-63", "16-23,48-55", "8-15,40-47", "0-7,32-39"]
CPUS = {
    "0": [*range(24, 32), *range(56, 64)],
    "1": [*range(16, 24), *range(48, 56)],
    "2": [*range(8, 16), *range(40, 48)],
    "3": [*range(8), *range(32, 40)],
}


# usually each once; tests/workflow has GNU Parallel in namespaces, too, and test_user.py mpiexec on loopback
@pytest.mark.parametrize(
    ("isolation", "launcher", "gpus"),
    [
        pytest.param("namespaces", MPIEXEC, 4, id="namespaces-mpiexec"),
        pytest.param("loopback", PARALLEL, 2, id="loopback-parallel"),
        pytest.param("namespaces", PARALLEL, 4, id="namespaces-parallel", marks=pytest.mark.long),
        pytest.param("loopback", MPIEXEC, 4, id="loopback-mpiexec", marks=pytest.mark.long),
    ],
    indirect=["isolation"],
)
def test_a_parsl_workflow_uses_the_gpus_of_two_nodes(run, isolation, tmp_path, launcher, gpus):
    name, options, before = launcher
    address = 'address_by_interface("bond0")' if isolation == "namespaces" else '"127.0.0.1"'
    (tmp_path / "workflow.py").write_text(
        WORKFLOW.format(
            launcher=name,
            options=options,
            address=address,
            meet=meet(2 * gpus),
            gpus=gpus,
            cpus=LISTS,
            worker_init=f"{before}export PATH={PARSL}:$PATH",
        )
    )
    path = f"{PARSL}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    done = run(sys.executable, "workflow.py", env={"PATH": path})
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    pairs = {(host, gpu) for host, gpu, _, _ in found}
    nodes = {"x3001c0s1b0n0", "x3001c0s1b1n0"}
    assert pairs == {(host, gpu) for host in nodes for gpu in "0123"[:gpus]}
    assert all(cpus == CPUS[gpu] for _, gpu, cpus, _ in found)
