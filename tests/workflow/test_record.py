"""What really ran on imitated nodes is in the record, and in the report."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from meeting import meet

WORKFLOW = """
import sys
import parsl, polaris_parsl
from parsl import python_app

@python_app(cache=True)
def square(x):
    folder = "."
MEET    time.sleep(0.2)
    return x * x, os.environ["CUDA_VISIBLE_DEVICES"]

@python_app
def fails(x):
    raise ValueError(f"no mesh in input_{x}")

@python_app
def dies():
    import os, signal
    os.kill(os.getpid(), signal.SIGKILL)

config = polaris_parsl.config(
    account="sandbox", queue="debug", walltime="0:10:00", available_accelerators=2, retries=1, run_dir="runs",
    heartbeat_period=2, preset="throughput",
)
with parsl.load(config):
    tasks = [square(x) for x in range(6)]
    if "again" not in sys.argv:
        tasks += [fails(1), square(fails(2)), dies()]
    polaris_parsl.progress(tasks)
"""


def test_attempts_have_their_gpu_and_failures_the_words_of_the_worker(
    run_isolated: Callable[..., str], tmp_path: Path
) -> None:
    # both workers have a task, however late one of them starts
    (tmp_path / "workflow.py").write_text(WORKFLOW.replace("MEET", meet(2)))
    python = sys.executable
    report = f"{python} -m polaris_parsl report --json"
    command = f"{python} workflow.py && {python} workflow.py again && {report} runs/000 runs/001"
    printed = run_isolated("namespaces", "/bin/bash", "-c", command)
    first, again = json.loads(printed[printed.index("[\n") :])
    assert first["state"] == again["state"] == "ended"
    assert first["tasks"]["results"] == {"computed": 6, "failed": 3, "not run": 1}
    assert first["tasks"]["retries"] == 3
    failures = {each["error"]: each for each in first["failures"]}
    assert failures["ValueError"]["message"].startswith("no mesh in input_")
    assert "killed by SIGKILL" in failures["WorkerKilled"]["message"]
    (node,) = {each["node"] for each in first["timeline"]["lanes"]}
    assert list(failures["ValueError"]["nodes"]) == [node]
    assert {each["lane"] for each in first["timeline"]["lanes"]} == {"GPU 0", "GPU 1"}
    (square,) = [each for each in first["apps"] if each["app"] == "square"]
    assert square["seconds"]["least"] >= 0.2
    (block,) = first["blocks"]
    assert block["waited"] is not None
    assert block["cause"] == "given back"
    assert 0 < first["node_hours"]["used"] < first["node_hours"]["in_all"]
    # with the preset, a task that ends well leaves nothing but its lines in the record and its result
    logs = [*(tmp_path / "runs" / "000").rglob("*.log")]
    assert {each.name for each in logs} >= {"parsl.log", "interchange.log", "manager.log"}
    assert not [
        each for each in logs if " INFO" in each.read_text() or " DEBUG" in each.read_text()
    ]
    # every result is found in the checkpoint of the first run
    assert again["tasks"]["results"] == {"from checkpoint": 6}
    assert again["blocks"] == []
