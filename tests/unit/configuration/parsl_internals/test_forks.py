"""Workers are forked from a process that has imported Parsl, if nothing in it must not be forked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from polaris_parsl.configuration.parsl_internals.forks import PRELOADED, may_fork

LOOK = f"""
import importlib, os, sys
from pathlib import Path
importlib.import_module("polaris_parsl.configuration.parsl_internals.child")
importlib.import_module("{PRELOADED}")
from polaris_parsl.configuration.parsl_internals.forks import may_fork
assert "parsl.executors.high_throughput.process_worker_pool" in sys.modules
open_files = [Path(f"/proc/self/fd/{{each}}") for each in os.listdir("/proc/self/fd")]
sockets = [each for each in open_files if each.is_socket()]
print(may_fork(Path("/proc/self")), len([*Path("/proc/self/task").iterdir()]), len(sockets))
"""


def test_what_workers_are_forked_from_has_one_thread_and_no_socket() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", LOOK],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONNOUSERSITE": "1"},
        text=True,
        check=True,
    )
    assert done.stdout == "True 1 0\n"


@pytest.mark.parametrize(
    ("threads", "library", "may"),
    [
        (1, "/usr/lib/libc.so.6", True),
        (2, "/usr/lib/libc.so.6", False),
        (1, "/opt/cray/pe/lib64/libmpi_gnu_123.so.12", False),
        (1, "/usr/lib64/libcuda.so.1", False),
        (1, "/opt/cray/libfabric/1.15/lib64/libfabric.so.1", False),
    ],
)
def test_a_process_with_threads_or_a_library_of_cuda_or_mpi_is_not_forked(
    tmp_path: Path, threads: int, library: str, may: bool
) -> None:
    for number in range(threads):
        (tmp_path / "task" / str(number)).mkdir(parents=True)
    (tmp_path / "maps").write_text(f"7f00-7f10 r-xp 00000000 08:01 1234 {library}\n")
    assert may_fork(tmp_path) is may
