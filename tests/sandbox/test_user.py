"""A user without any privilege, with each isolation."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from meeting import meet
from polaris_parsl.sandbox.linux.nodes import node_names

NOBODY = 65534
BECOME = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
PACKAGES = Path(pytest.importorskip("parsl").__file__).parents[1]
# Another user cannot read the interpreter of the tests where root's home has it.
PYTHON = Path(f"/usr/bin/python3.{sys.version_info.minor}")
WORKFLOW = """
import os, parsl, polaris_parsl
from parsl import python_app

@python_app(cache=True)
def look(folder, number):
    import os, socket
MEET    return socket.gethostname(), os.environ["CUDA_VISIBLE_DEVICES"], os.getuid()

with parsl.load(polaris_parsl.config(
    account="me", queue="debug-scaling", nodes_per_block=2, available_accelerators=1,
    walltime="0:10:00", run_dir="runs"
)):
    for row in sorted(task.result() for task in [look(os.getcwd(), number) for number in range(2)]):
        print(*row)
"""
SUBMIT = """
id=$(qsub -A me -q debug-scaling -l select=2:ngpus=4 -l walltime=600 -l filesystems=home -j oe -o out job.sh) || exit 1
until qstat -x "$id" | grep -q " F "; do sleep 0.4; done
id -u
sort out
exec bin/python workflow.py
"""


@pytest.fixture
def home(isolation):
    """A home of the user's; the directories above tmp_path are closed to other users."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    probe = [*BECOME, str(PYTHON), "-c", "import zmq, parsl, polaris_parsl"]
    env = {"PYTHONPATH": f"{PACKAGES}:{Path(__file__).parents[2] / 'src'}"}
    try:
        done = subprocess.run(probe, env=env, cwd="/", capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip(f"there is no {PYTHON}")
    if done.returncode != 0:
        pytest.skip(f"another user cannot import Parsl: {done.stderr.splitlines()[-1]}")
    folder = Path(tempfile.mkdtemp(prefix="polaris-parsl-user-", dir="/tmp"))
    os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


def test_a_user_without_privileges_runs_jobs_and_a_workflow(
    home, isolation, base_environment, tools
):
    (home / "bin").mkdir()
    (home / "bin/python").symlink_to(PYTHON)
    (home / "workflow.py").write_text(WORKFLOW.replace("MEET", meet(2)))
    (home / "job.sh").write_text("mpiexec -n 2 --ppn 1 hostname; id -u\n")
    words = tools.launch_command(["bash", "-c", SUBMIT], python=str(PYTHON), shared=[PACKAGES])
    done = subprocess.run(
        [*BECOME, *words],
        env=base_environment
        | {
            "HOME": str(home),
            "POLARIS_PARSL_SANDBOX_ISOLATION": isolation,
            "PYTHONPATH": f"{tools.source}:{PACKAGES}",
        },
        cwd=home,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.split("\n")[:4]
    assert first == str(NOBODY)
    names = node_names(2)
    assert sorted(lines) == [str(NOBODY), *names]
    rows = [tuple(line.split()) for line in done.stdout.splitlines()[4:]]
    assert rows == [(name, "0", str(NOBODY)) for name in names]
