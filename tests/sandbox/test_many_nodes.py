"""A block of many nodes, on whatever machine there is."""

import subprocess
import sys

import pytest

BENCHMARK = "benchmarks/many_nodes.py"


@pytest.mark.long
@pytest.mark.parametrize("isolation", ["namespaces"], indirect=True)
def test_64_nodes_with_256_workers_run_a_block(environment, tmp_path, tools):
    program = tools.source.parent / BENCHMARK
    command = [sys.executable, str(program), "--nodes", "64", "--patience", "900"]
    done = subprocess.run(
        tools.launch_command(command, nodes=64),
        env=environment | {"HOME": str(tmp_path)},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("64 nodes, 256 of 256 workers, ")
