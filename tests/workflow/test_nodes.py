"""Nodes of a block die: that is known soon, said, and costs no task a retry."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

# The threshold is so long that nothing ends in time that waits for it; the period is the default.
DRIVER = """
import json, subprocess, sys, time
from pathlib import Path
import parsl, polaris_parsl
from parsl import python_app

here = Path.cwd()

@python_app(cache=True)
def work(number, folder):
    import os, platform, time
    from pathlib import Path
    began = Path(folder, f"began-{number}-{platform.node()}-{os.getpid()}")
    began.touch()
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

def lost():
    return Path("runs/000/polaris_parsl/run.jsonl").read_text().count('"task_lost"')

def die(which):
    command = [sys.executable, "-m", "polaris_parsl", "sandbox", "fault", "die", which]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

config = polaris_parsl.config(
    account="sandbox", queue="preemptable", walltime="0:30:00", run_dir="runs", retries=0,
    nodes_per_block=2, available_accelerators=1, heartbeat_threshold=3600,
)
with parsl.load(config):
    tasks = [work(number, str(here)) for number in range(2)]
    until(lambda: began() == 2)
    die("last")
    until(lambda: lost() == 1)  # it waits for the worker of the other node
    die("head")
    until(lambda: began() == 4)
    (here / "go").touch()
    print(json.dumps([task.result() for task in tasks]))
subprocess.run(["qstat", "-x", "-f", "-F", "json"], stdout=open("jobs.json", "w"), check=True)
"""


def test_nodes_that_die_are_known_long_before_the_threshold(
    run_isolated: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "driver.py").write_text(DRIVER)
    printed = run_isolated("namespaces", sys.executable, "driver.py")
    assert json.loads(printed.splitlines()[-1]) == [0, 1]
    record = tmp_path / "runs" / "000" / "polaris_parsl" / "run.jsonl"
    events = [json.loads(line) for line in record.read_text().splitlines()]
    lost = [each for each in events if each["event"] == "task_lost"]
    assert len(lost) == 2
    assert all("the node does not answer" in each["why"] for each in lost)
    blocks = [each for each in events if each["event"] == "block_state"]
    assert any("and goes on with 1 node" in each["what"] for each in blocks)
    assert [each["block"] for each in blocks if each["cause"] == "nodes lost"] == ["0"]
    assert [each["block"] for each in blocks if each["cause"] == "given back"] == ["1"]
    jobs = json.loads((tmp_path / "jobs.json").read_text())["Jobs"]
    assert len(jobs) == 2
