"""No job outlives its driver, however the driver ends."""

from collections.abc import Callable
from pathlib import Path

import pytest

# Default heartbeats: what ends the jobs must not be that workers miss those of the driver.
DRIVER = """
import os, signal, sys, time
from pathlib import Path
import parsl, polaris_parsl
from parsl import python_app

@python_app(cache=True)
def number():
    return 42

# four nodes are there: the first block runs, and the second waits for its nodes
config = polaris_parsl.config(
    account="sandbox", queue="preemptable", walltime="0:10:00", run_dir="runs",
    nodes_per_block=3, available_accelerators=1, init_blocks=2, max_blocks=2,
)
parsl.load(config)
print(number().result(), flush=True)
{}
"""

# Runs the driver, then waits until no job is left; the sandbox itself would end them all.
SCRIPT = """
setsid --wait python driver.py
echo "driver ended with $?"
for i in $(seq 300); do
    [ -z "$(qstat)" ] && break
    sleep 0.2
done
qstat
qstat -x -f | grep -E 'job_state|Exit_status'
"""

CONTROL_C = """
try:
    with parsl.dfk():
        os.killpg(0, signal.SIGINT)  # the terminal sends it to the interchange, too
        time.sleep(60)
except KeyboardInterrupt:
    sys.exit("stopped by Ctrl-C")
"""
# How the driver ends, and its exit code.
ENDS = {
    "by its last line": ("", 0),
    "by an exception": ("raise SystemExit('stopped')", 1),
    "by Ctrl-C": (CONTROL_C, 1),
    "by kill -9": ("os.kill(os.getpid(), signal.SIGKILL)", 137),
    "by sigterm": ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)", 143),
    "by sighup": ("os.kill(os.getpid(), signal.SIGHUP); time.sleep(60)", 129),
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
    assert states == ["F", "F"], printed
    runs = tmp_path / "project" / "runs"
    assert [path.name for path in runs.iterdir()] == ["000"]
    if end == "by kill -9":
        errors = (runs / "000" / "submit_scripts").glob("*.stderr")
        said = sorted(path.read_text() for path in errors)
        assert "the driver has ended, and so the workers end" in said[0] + said[1]
        assert "the driver of this job has ended, so no workers are started" in said[0] + said[1]
