"""A workflow for each shape of work; prints as JSON what its tasks saw. Run in the sandbox.

python shapes.py SHAPE
"""

import ast
import json
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import parsl
from parsl import bash_app, python_app

import polaris_parsl
from polaris_parsl.configuration.job_script import job_scripts

COMMON: dict[str, Any] = {
    "account": "sandbox",
    "queue": "preemptable",
    "walltime": "0:10:00",
    "run_dir": "runs",
}
SHAPES: dict[str, dict[str, Any]] = {
    "shared": {
        "nodes_per_block": 2,
        "workers_per_gpu": 2,
        "executors": {
            "by_mpiexec": {"available_accelerators": 2},
            "by_parallel": {"available_accelerators": 1, "launcher": "gnu_parallel"},
        },
    },
    "two": {
        "executors": {
            "several": {"gpus_per_worker": 2},
            "cpu": {"available_accelerators": 0, "cores_per_worker": 16},
        },
        "start_method": "forkserver",
    },
    "mpi": {"nodes_per_block": 4, "max_workers_per_block": 2},
    "inside": {
        "executors": {
            "gpu": {"nodes_per_block": 2, "available_accelerators": [3]},
            "cpu": {"available_accelerators": 0, "cores_per_worker": 64},
        }
    },
}


def look(_number, workers, meeting, inputs=()):
    import os
    import socket
    import subprocess
    import time
    from pathlib import Path

    # Each worker has one task if all tasks wait until all workers are there.
    name = f"{socket.gethostname()}.{os.environ['PARSL_WORKER_RANK']}"
    Path(meeting, name).touch()
    latest = time.monotonic() + 600
    while len([*Path(meeting).iterdir()]) < workers and time.monotonic() < latest:
        time.sleep(0.05)
    servers = ""
    if "CUDA_MPS_PIPE_DIRECTORY" in os.environ:
        done = subprocess.run(
            "nvidia-cuda-mps-control",
            input="get_server_list\n",
            capture_output=True,
            text=True,
            check=False,
        )
        servers = done.stdout.strip()
    return [
        socket.gethostname(),
        os.environ.get("CUDA_VISIBLE_DEVICES"),
        sorted(os.sched_getaffinity(0)),
        servers,
        os.environ.get("PBS_JOBID"),
    ]


def communicator():
    """Whether this worker was forked from the fork server, and what the ranks of an MPI program say that it starts."""
    import os
    import subprocess
    import sys
    from pathlib import Path

    program = """
import ctypes
mpi, size = ctypes.CDLL("libmpich.so.12"), ctypes.c_int()
mpi.MPI_Init(None, None)
mpi.MPI_Comm_size(0x44000000, ctypes.byref(size))
print(size.value)
mpi.MPI_Finalize()
"""
    done = subprocess.run(
        ["mpiexec", "-n", "2", sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
    )
    parent = Path(f"/proc/{os.getppid()}/cmdline").read_text()
    return "multiprocessing.forkserver" in parent, done.stdout.split(), done.stderr


def ranks(_number, stdout=None, stderr=None, parsl_resource_specification=None):
    import sys

    probe = "import os; print(os.uname().nodename, os.environ['CUDA_VISIBLE_DEVICES'],"
    probe += " *sorted(os.sched_getaffinity(0)))"
    python = f"{sys.executable} -I -S"
    return f'$PARSL_MPI_PREFIX --cpu-bind none $POLARIS_PARSL_RANK {python} -c "{probe}"'


def documented():
    """Each form of parsl_resource_specification that docs/configuration.md shows."""
    text = (Path(__file__).parents[2] / "docs/configuration.md").read_text()
    return [
        ast.literal_eval(each)
        for each in re.findall(r"^parsl_resource_spec\w+=(.*)", text, re.MULTILINE)
    ]


def tasks_of_mpi():
    app = bash_app(ranks)
    too_large = app(0, parsl_resource_specification={"num_nodes": 5, "num_ranks": 5})
    wanted = [{"num_nodes": 2, "num_ranks": 8}] * 3 + documented()
    futures = [
        app(number, stdout=f"mpi{number}.txt", stderr=f"mpi{number}.err",
            parsl_resource_specification=each)
        for number, each in enumerate(wanted)
    ]  # fmt: skip
    refusal = str(too_large.exception())
    assert [future.result() for future in futures] == [0] * len(wanted)
    return {
        "refusal": refusal,
        "tasks": [
            Path(f"runs/mpi{number}.txt").read_text().splitlines() for number in range(len(wanted))
        ],
    }


def tasks_of(executor):
    app = python_app(look, executors=[executor.label])
    workers = executor.workers_per_node * executor.provider.nodes_per_block
    meeting = Path(executor.run_dir, executor.label, "meeting")
    meeting.mkdir()
    return [app(number, workers, str(meeting)) for number in range(workers)]


def main(shape):
    warnings.simplefilter("ignore", polaris_parsl.PolarisParslWarning)
    options = COMMON | SHAPES[shape]
    scripts = {script.executor: script.text for script in job_scripts(**options)}
    assert not Path(COMMON["run_dir"]).exists()
    config = polaris_parsl.config(**options)
    with parsl.load(config):
        if shape == "mpi":
            found = {"mpi": tasks_of_mpi()}
        else:
            futures = {executor.label: tasks_of(executor) for executor in config.executors}
            found = {label: [f.result() for f in each] for label, each in futures.items()}
        if "start_method" in options:
            found["forked"] = python_app(communicator, executors=["several"])().result()
    mode = polaris_parsl.explain(**options).rows[0].value
    print("FOUND", json.dumps({"mode": mode, "found": found, "scripts": scripts}))


if __name__ == "__main__":
    main(sys.argv[1])
