"""The main job, whole: an install, its module in Lmod, Parsl over the sandbox's nodes."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import Any

from code_blocks import block
from meeting import meet
from polaris_parsl.configuration.workers import cpu_numbers

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^(x\w+) +(\d) +(\S+) +(\d+)$", re.MULTILINE)
Sandboxed = Callable[[str], str]
CPUS = {"0": "24-31,56-63", "1": "16-23,48-55", "2": "8-15,40-47", "3": "0-7,32-39"}

# So short, tasks must wait until each worker has one.
SHORTEN = f"""
from pathlib import Path
workflow = Path("workflow.py")
text = workflow.read_text()
meeting = "    folder = Path(results).parent\\n" + {meet(4)!r}
for old, new in (("60_000", "1_500"), ("    prey, predators, step", meeting + "    prey, predators, step")):
    assert text.count(old) == 1
    text = text.replace(old, new)
workflow.write_text(text)
"""

# A workflow that reports what its workers find, each in one task; each launcher starts those of one executor.
REPORT = f"""
import os, warnings
from pathlib import Path
import parsl, polaris_parsl
from parsl import python_app

def look(folder, workers):
    import os, socket, sys
{meet("workers")}    names = ("COLOUR", "ODD", "TMPDIR", "PYTHONNOUSERSITE", "PYTHONPATH", "POLARIS_PARSL_MODULE")
    gpu, cpus = os.environ["CUDA_VISIBLE_DEVICES"], str(sorted(os.sched_getaffinity(0)))
    return socket.gethostname(), gpu, cpus, sys.executable, os.getcwd(), *(os.environ.get(n) for n in names)

config = polaris_parsl.config(
    account="sandbox", queue="preemptable", nodes_per_block=2, walltime="0:10:00", run_dir="runs",
    executors={{
        "mpiexec": {{}}, "gnu_parallel": {{"launcher": "gnu_parallel", "available_accelerators": 1}},
    }},
    worker_init="export COLOUR=blue ODD=\\"it's; \\\\$HOME  'quoted'\\"",
)
tasks = []
with parsl.load(config):
    for label, workers in (("mpiexec", 8), ("gnu_parallel", 2)):
        folder = Path(label).absolute()
        folder.mkdir()
        app = python_app(look, executors=[label])
        tasks += [(label, app(str(folder), workers)) for _ in range(workers)]
    for label, row in sorted((label, task.result()) for label, task in tasks):
        print(label, *row, sep="|")
"""

# Two runs whose workers cannot start; it prints what the job of each says, and does not wait for Parsl.
BROKEN = """
import os, time
from pathlib import Path
import parsl, polaris_parsl

runs = [({}, {"worker_init": "export PATH=/nowhere"}), ({"POLARIS_PARSL_MODULE": "polaris-parsl/0"}, {})]
for number, (environ, options) in enumerate(runs):
    os.environ.update(environ)
    config = polaris_parsl.config(account="sandbox", walltime="0:10:00", run_dir="runs", **options)
    with parsl.load(config):
        deadline = time.monotonic() + 300
        errors = ""
        while "fix:" not in errors and time.monotonic() < deadline:
            files = Path(f"runs/{number:03}/submit_scripts").glob("*.stderr")
            errors = "".join(file.read_text() for file in files)
            time.sleep(0.2)
        print(errors, "====")
"""


def test_the_example_uses_every_gpu_and_its_second_run_computes_nothing(
    in_sandbox: Sandboxed, tmp_path: Path
) -> None:
    # tests/documents runs it as it stands, as the tutorial does; here with GNU Parallel and a fortieth of the work
    lines = [
        "set -e",
        "polaris-parsl init . launcher=gnu_parallel nodes_per_block=1",
        f"python -c {quote(SHORTEN)}",
    ]
    lines += ["python workflow.py", "echo ====", "python workflow.py"]
    (tmp_path / "project/twice.sh").write_text("\n".join(lines))
    first, second = in_sandbox("bash twice.sh").split("====\n")
    rows = ROW.findall(first)
    assert len({node for node, *_ in rows}) == 1
    assert sorted((node, gpu) for node, gpu, *_ in rows) == sorted(
        (node, gpu) for node in {node for node, *_ in rows} for gpu in CPUS
    )
    assert all(cpus == CPUS[gpu] for _, gpu, cpus, _ in rows)
    assert sum(int(tasks) for *_, tasks in rows) == 72
    assert "72 results: 72 computed, 0 from checkpoints" in first
    assert len(list((tmp_path / "project" / "results").iterdir())) == 72

    assert ROW.findall(second) == rows
    assert "72 results: 0 computed, 72 from checkpoints" in second
    assert {path.name for path in tmp_path.iterdir() if path.name[0] != "."} == {"project"}


def test_every_worker_has_its_gpu_and_the_environment_of_the_driver(
    in_sandbox: Sandboxed, install: Any, tmp_path: Path
) -> None:
    (tmp_path / "project" / "report.py").write_text(REPORT)
    printed = in_sandbox("python report.py")
    found = [line.split("|") for line in printed.splitlines() if "|" in line]
    for launcher, gpus in (("mpiexec", 4), ("gnu_parallel", 1)):
        rows = [row for by, *row in found if by == launcher]
        nodes = {node for node, *_ in rows}
        assert len(nodes) == 2
        assert [(node, gpu) for node, gpu, *_ in rows] == [
            (node, gpu) for node in sorted(nodes) for gpu in [*CPUS][:gpus]
        ]
        for _, gpu, cpus, executable, directory, *variables in rows:
            assert set(json.loads(cpus)) == {*cpu_numbers(CPUS[gpu])}
            assert executable == str(install.root / "overlay/bin/python")
            assert directory == str(tmp_path / "project" / "runs")
            assert variables == [
                "blue",
                "it's; $HOME  'quoted'",
                "/tmp",
                "1",
                "None",
                f"polaris-parsl/{install.root.name}",
            ]


def test_jobs_that_cannot_start_their_workers_stop_with_the_reason(
    install: Any, in_sandbox: Sandboxed, tmp_path: Path
) -> None:
    (tmp_path / "project" / "broken.py").write_text(BROKEN)
    without_mpiexec, without_module, _ = in_sandbox("python broken.py").split("====")
    assert "there is no mpiexec on PATH" in without_mpiexec
    assert "cannot load the module polaris-parsl/0 of" in without_module
    tree = f"{install.prefix}/modulefiles"
    shown = block("docs/modules.md", "polaris_parsl on x3005").text.partition(": ")[2]
    shown = shown.replace("/eagle/PROJECT/polaris-parsl/modulefiles", tree)
    assert shown.replace("polaris-parsl/1.0", "polaris-parsl/0") in without_module
