"""A workflow in a job of its own: driver and workers on its nodes, and the next job goes on."""

import re
from collections.abc import Callable
from pathlib import Path

from meeting import meet

# Two tasks meet, one on each of two nodes; a third is there for the walltime to cut it off.
WORKFLOW = """
import os, sys, socket
import parsl, polaris_parsl
from parsl import python_app

@python_app(cache=True)
def look(folder, number):
    import socket
MEET    return socket.gethostname()

@python_app(cache=True)
def last(folder):
    import os, subprocess, time
    while not os.path.exists(f"{folder}/go"):
        time.sleep(0.05)
    return "done"

folder = os.getcwd()
with parsl.load(polaris_parsl.config()):
    tasks = [look(folder, number) for number in range(2)]
    hosts = {task.result() for task in tasks}
    known = sum(bool(task.task_record["from_memo"]) for task in tasks)
    print(f"{len(hosts)} nodes, driver on the first: {socket.gethostname() == min(hosts)}, {known} known")
    open("two-are-done", "w").close()
    print("the last is", last(folder).result())
sys.exit(3)
"""
OPTIONS = """
account = "datascience"
queue = "debug-scaling"
nodes_per_block = 2
walltime = "0:10:00"
available_accelerators = 1
"""
SCRIPT = """
polaris-parsl submit -- python workflow.py
until [ -e two-are-done ]; do sleep 0.3; done
polaris-parsl sandbox fault walltime latest
until qstat -x -f -F json | grep -q Exit_status; do sleep 0.4; done
cat workflow.py.o*
touch go
polaris-parsl submit --wait -- python workflow.py
echo "code $?"
"""


def test_a_second_job_goes_on_where_the_walltime_ended_the_first(
    in_sandbox: Callable[[str], str], tmp_path: Path
) -> None:
    project = tmp_path / "project"
    (project / "workflow.py").write_text(WORKFLOW.replace("MEET", meet(2)))
    (project / "polaris-parsl.toml").write_text(OPTIONS)
    (project / "submit.sh").write_text(SCRIPT)
    printed = in_sandbox("bash submit.sh")
    before, _, after = printed.partition("\nsubmitted ")

    assert re.search(r"^submitted \d+\S+: 2 nodes of debug-scaling for 0:10:00", before)
    assert "note: the sandbox ends its jobs when its own command ends" in before
    assert "2 nodes, driver on the first: True, 0 known" in before
    assert "job killed: walltime" in before
    assert "the last is" not in before

    assert "2 nodes, driver on the first: True, 2 known" in after
    assert "the last is done" in after
    assert after.endswith("ended with exit code 3\ncode 3\n")
