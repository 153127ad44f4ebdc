"""No job outlives its driver, however the driver ends."""

from collections.abc import Callable
from pathlib import Path

import pytest

DRIVER = """
import os, signal, sys, time
from pathlib import Path
import parsl, polaris_parsl
from parsl import python_app

@python_app(cache=True)
def number():
    return 42

config = polaris_parsl.config(
    account="sandbox", walltime="0:10:00", run_dir="runs", heartbeat_period=1, heartbeat_threshold=4
)
parsl.load(config)
print(number().result(), flush=True)
{}
"""

# Runs the driver, then waits until no job is left; the sandbox itself would end them all.
SCRIPT = """
python driver.py
echo "driver ended with $?"
for i in $(seq 300); do
    [ -z "$(qstat)" ] && break
    sleep 0.2
done
qstat
qstat -x -f | grep -E 'job_state|Exit_status'
"""

# How the driver ends, and its exit code.
ENDS = {
    "by its last line": ("", 0),
    "by an exception": ("raise SystemExit('stopped')", 1),
    "by kill -9": ("os.kill(os.getpid(), signal.SIGKILL)", 137),
    "by sigterm": ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)", 143),
}


@pytest.mark.parametrize("end", ENDS)
def test_no_job_is_left_when_the_driver_ends(
    in_sandbox: Callable[[str], str], tmp_path: Path, end: str
) -> None:
    text, code = ENDS[end]
    (tmp_path / "project" / "driver.py").write_text(DRIVER.format(text))
    (tmp_path / "project" / "script.sh").write_text(SCRIPT)
    printed = in_sandbox("bash script.sh")
    result, ended, *after = printed.splitlines()
    assert (result, ended) == ("42", f"driver ended with {code}")
    states = [line.split()[2] for line in after if "job_state" in line]
    assert states == ["F"], printed
