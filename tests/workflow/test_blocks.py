"""What PBS does to the blocks of a run is survived, on the sandbox."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

DRIVER = """
import json, os, subprocess, sys, time
from pathlib import Path
import parsl, polaris_parsl
from parsl import python_app

here = Path.cwd()
os.environ["PATH"] = f"{here}/shims:" + os.environ["PATH"]

@python_app(cache=True)
def work(number, folder):
    import time
    from pathlib import Path
    print(f"task {number} prints this")
    Path(folder, f"began-{number}").touch()
    while not Path(folder, "go").exists():
        time.sleep(0.1)
    return number

def until(claim):
    latest = time.monotonic() + 500
    while not claim():
        assert time.monotonic() < latest
        time.sleep(0.1)

def began():
    return len([*here.glob("began-*")])

config = polaris_parsl.config(
    account="sandbox", walltime="0:10:00", run_dir="runs", retries=0, available_accelerators=2
)
with parsl.load(config):
    tasks = [work(number, str(here)) for number in range(2)]
    until(lambda: began() == 2)
    (here / "silent").touch()  # qstat says nothing from now on
    until(lambda: (here / "was-silent").exists())
    (here / "silent").unlink()
    for each in here.glob("began-*"):
        each.unlink()
    first = next(iter(config.executors[0].blocks_to_job_id.values()))
    subprocess.run(["qdel", first], check=True)
    until(lambda: began() == 2)
    (here / "go").touch()
    print(json.dumps([task.result() for task in tasks]))
subprocess.run(["qstat", "-x", "-f", "-F", "json"], stdout=open("jobs.json", "w"), check=True)
"""

# The first qsub does not reach the server; qstat says nothing while a file is there.
QSUB = """#!/bin/sh
if [ ! -e asked ]; then
    touch asked
    printf 'Connection refused\\nqsub: cannot connect to server polaris (errno=15010)\\n' >&2
    exit 162
fi
exec {real}/qsub "$@"
"""
QSTAT = """#!/bin/sh
if [ -e silent ]; then
    touch was-silent
    printf '{"timestamp": 1}'
    exit 0
fi
exec {real}/qstat "$@"
"""
# The sandbox's commands are found by their place on PATH.
SCRIPT = """
set -e
real=$(dirname "$(command -v qsub)")
for each in shims/*; do sed -i "s|{real}|$real|" "$each"; chmod +x "$each"; done
exec "$1" driver.py 2>errors
"""


def events(folder: Path, *names: str) -> list[dict[str, Any]]:
    lines = (folder / "runs" / "000" / "polaris_parsl" / "run.jsonl").read_text().splitlines()
    return [each for each in map(json.loads, lines) if each["event"] in names]


def test_a_run_survives_what_pbs_does_and_says_so(
    run_isolated: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "shims").mkdir()
    (tmp_path / "shims" / "qsub").write_text(QSUB)
    (tmp_path / "shims" / "qstat").write_text(QSTAT)
    (tmp_path / "driver.py").write_text(DRIVER)
    (tmp_path / "script.sh").write_text(SCRIPT)
    printed = run_isolated("namespaces", "bash", "script.sh", sys.executable)
    assert json.loads(printed.splitlines()[-1]) == [0, 1]
    jobs = json.loads((tmp_path / "jobs.json").read_text())["Jobs"]
    assert len(jobs) == 2
    states = [
        (each["block"], each["state"], each["cause"]) for each in events(tmp_path, "block_state")
    ]
    assert ("0", "ended", "deleted") in states
    assert ("1", "ended", "given back") in states
    lost = events(tmp_path, "task_lost")
    assert {each["task"] for each in lost} == {0, 1}
    assert {each["block"] for each in lost} == {"0"}
    said = (tmp_path / "errors").read_text()
    assert "Traceback" not in said
    assert said.count(" tasks done") == 1
    assert "2 of 2 tasks done, 2 blocks ran" in said
    # in one line or, where a line falls due between the two, in two; a slow PBS answers after the workers have gone
    lost_with = r"(\d) tasks? runs? again: lost with .* \((?:deleted|its workers have ended)\)$"
    lines = re.findall(lost_with, said, re.MULTILINE)
    assert sum(map(int, lines)) == 2, said
    jobs_said = tmp_path / "runs" / "000" / "submit_scripts"
    first, last = sorted(jobs_said.glob("*.stderr"))
    assert "BAD TERMINATION" not in last.read_text()
    # a block that was deleted has killed its workers, and what they printed is there
    for each in (first, last):
        printed = each.with_suffix(".stdout").read_text()
        assert all(f"task {number} prints this" in printed for number in range(2)), printed
    assert [*tmp_path.rglob("*.nodes")] == []
