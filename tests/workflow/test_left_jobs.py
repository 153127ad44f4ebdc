"""No job outlives its driver, however the driver ends."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

# Default heartbeats: what ends the jobs must not be that workers miss those of the driver.
DRIVERS = """
import os, signal, subprocess, sys, time
from pathlib import Path
import parsl, polaris_parsl
from parsl import python_app

@python_app(cache=True)
def number():
    return 42

# each driver is a process and a session of its own, which need not import Parsl again
for folder in sorted(Path().glob("[0-9]")):
    print("==", folder, flush=True)
    subprocess.run("qselect -x | sort >before", shell=True, check=True)
    driver = os.fork()
    if driver == 0:
        break
    code = os.waitstatus_to_exitcode(os.waitpid(driver, 0)[1])
    print("driver ended with", code if code >= 0 else 128 - code, flush=True)
    subprocess.run(["bash", "after.sh"], check=True)
else:
    sys.exit()

os.setsid()
os.chdir(folder)
# one node is there: the first block runs, and the second waits for it
config = polaris_parsl.config(
    account="sandbox", queue="preemptable", walltime="0:10:00", run_dir="runs",
    nodes_per_block=1, available_accelerators=1, init_blocks=2, max_blocks=2,
)
parsl.load(config)
print(number().result(), flush=True)
exec(Path("end.py").read_text())
"""

# Waits until no job is left, and shows what became of the driver's; the sandbox itself would end them all.
AFTER = """
for i in $(seq 600); do
    [ -z "$(qstat)" ] && break
    sleep 0.5
done
qstat
qstat -x -f $(qselect -x | sort | comm -13 before -) | grep -E 'job_state|Exit_status'
"""

CONTROL_C = """
try:
    with parsl.dfk():
        os.killpg(0, signal.SIGINT)  # the terminal sends it to the interchange, too
        time.sleep(600)
except KeyboardInterrupt:
    sys.exit("stopped by Ctrl-C")
"""
# How the driver ends, and its exit code.
ENDS = {
    "by its last line": ("", 0),
    "by an exception": ("raise SystemExit('stopped')", 1),
    "by Ctrl-C": (CONTROL_C, 1),
    "by kill -9": ("os.kill(os.getpid(), signal.SIGKILL)", 137),
    "by sigterm": ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(600)", 143),
    "by sighup": ("os.kill(os.getpid(), signal.SIGHUP); time.sleep(600)", 129),
}


@pytest.fixture(scope="module")
def printed(in_sandbox_once: Callable[..., str], module_folder: Path) -> dict[str, str]:
    """What was printed of each driver, by how it ended; one after the other in one sandbox."""
    project = module_folder / "project"
    for number, (text, _) in enumerate(ENDS.values()):
        (project / f"{number}").mkdir()
        (project / f"{number}" / "end.py").write_text(text)
    (project / "drivers.py").write_text(DRIVERS)
    (project / "after.sh").write_text(AFTER)
    whole = in_sandbox_once("python drivers.py", "--nodes 1")
    parts = re.split(r"^== \d\n", whole, flags=re.MULTILINE)[1:]
    return dict(zip(ENDS, parts, strict=True))


@pytest.mark.parametrize("end", ENDS)
def test_no_job_is_left_when_the_driver_ends(
    printed: dict[str, str], module_folder: Path, end: str
) -> None:
    result, ended, *after = printed[end].splitlines()
    assert (result, ended) == ("42", f"driver ended with {ENDS[end][1]}")
    states = [line.split()[2] for line in after if "job_state" in line]
    assert states == ["F", "F"], printed[end]
    runs = module_folder / "project" / f"{list(ENDS).index(end)}" / "runs"
    assert [path.name for path in runs.iterdir()] == ["000"]
    if end == "by kill -9":
        errors = (runs / "000" / "submit_scripts").glob("*.stderr")
        said = sorted(path.read_text() for path in errors)
        assert "the driver has ended, and so the workers end" in said[0] + said[1]
        assert "the driver of this job has ended, so no workers are started" in said[0] + said[1]
