"""A job outlives the driver that was killed while it waited, and the next driver deletes it."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

# The first driver dies while its block waits for the nodes of another job; the second frees them.
DRIVER = """
import os, signal, subprocess, sys, time
from pathlib import Path
import parsl, polaris_parsl
from parsl import python_app

@python_app(cache=True)
def number():
    return 42

config = polaris_parsl.config(
    account="sandbox", queue="preemptable", walltime="0:10:00", run_dir="runs", nodes_per_block=1,
    available_accelerators=1,
)
with parsl.load(config):
    task = number()
    blocks = config.executors[0].blocks_to_job_id
    while not blocks:
        time.sleep(0.1)
    Path(sys.argv[1]).write_text(next(iter(blocks.values())))
    if sys.argv[1] == "first":
        os.kill(os.getpid(), signal.SIGKILL)
    subprocess.run(["qdel", Path("busy").read_text().strip()], check=True)
    print(task.result())
"""
SCRIPT = """
echo 'sleep 600' | qsub -A sandbox -q preemptable -l select=1:ngpus=4 -l walltime=0:10:00 \
    -l filesystems=home:eagle -N busy -o /dev/null -e /dev/null >busy
"$1" driver.py first
qstat "$(cat first)" | grep -q ' Q ' && echo outlived its driver
"$1" driver.py second 2>second.err
# the last one may still be ending
until ! qselect | grep -q .; do sleep 0.4; done
qstat -x -f -F json >jobs.json
"""


def test_the_next_driver_deletes_the_job_that_outlived_its_driver(
    run_isolated: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "driver.py").write_text(DRIVER)
    (tmp_path / "script.sh").write_text(SCRIPT)
    printed = run_isolated("namespaces", "bash", "script.sh", sys.executable, nodes=1)
    assert printed.splitlines() == ["outlived its driver", "42"]
    first, second = ((tmp_path / name).read_text() for name in ("first", "second"))
    said = (tmp_path / "second.err").read_text()
    assert f"the driver of run 000 has ended; its jobs {first} are deleted" in said
    assert f"(job {second.partition('.')[0]})" in said
    jobs = json.loads((tmp_path / "jobs.json").read_text())["Jobs"]
    assert {job["job_state"] for job in jobs.values()} == {"F"}
    assert jobs[first]["substate"] == 91
    assert "exec_host" not in jobs[first]
