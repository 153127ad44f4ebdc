"""The main job, whole: an install, its module in Lmod, Parsl over the sandbox's nodes."""

import re
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

from code_blocks import block
from meeting import meet

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^(x\w+) +(\d) +(\S+) +(\d+)$", re.MULTILINE)
Sandboxed = Callable[[str], str]
CPUS = {"0": "24-31,56-63", "1": "16-23,48-55", "2": "8-15,40-47", "3": "0-7,32-39"}

# So short, tasks must wait until each worker has one.
SHORTEN = f"""
from pathlib import Path
workflow = Path("workflow.py")
text = workflow.read_text()
meeting = "    folder = Path(results).parent\\n" + {meet(12)!r}
for old, new in (("150_000", "1_500"), ("    prey, predators, step", meeting + "    prey, predators, step")):
    assert text.count(old) == 1
    text = text.replace(old, new)
workflow.write_text(text)
"""

# A workflow that reports what its workers find, in one task per node.
REPORT = """
import os, sys, time, warnings
import parsl, polaris_parsl
from parsl import python_app

@python_app
def look(folder, number):
    import os, socket, sys
MEET    names = ("COLOUR", "ODD", "TMPDIR", "PYTHONNOUSERSITE", "PYTHONPATH", "POLARIS_PARSL_MODULE")
    return socket.gethostname(), sys.executable, os.getcwd(), *(os.environ.get(n) for n in names)

config = polaris_parsl.config(
    account="sandbox", queue="debug-scaling", nodes_per_block=3, walltime="0:10:00", run_dir="runs",
    launcher=sys.argv[1], available_accelerators=1, worker_init="export COLOUR=blue ODD=\\"it's; \\\\$HOME  'quoted'\\"",
)
with parsl.load(config):
    for row in sorted(set(task.result() for task in [look(os.getcwd(), n) for n in range(3)])):
        print(*row, sep="|")
"""

# A workflow whose workers cannot start; it prints what the job says, and does not wait for Parsl.
BROKEN = """
import os, time
from pathlib import Path
import parsl, polaris_parsl

os.environ.update({})
config = polaris_parsl.config(account="sandbox", walltime="0:10:00", run_dir="runs", {})
with parsl.load(config):
    deadline = time.monotonic() + 60
    errors = ""
    while "fix:" not in errors and time.monotonic() < deadline:
        files = Path("runs/000/submit_scripts").glob("*.stderr")
        errors = "".join(file.read_text() for file in files)
        time.sleep(0.2)
    print(errors)
"""


@pytest.mark.parametrize("launcher", ["mpiexec", "gnu_parallel"])
def test_the_example_uses_every_gpu_and_its_second_run_computes_nothing(
    in_sandbox: Sandboxed, tmp_path: Path, launcher: str
) -> None:
    # tests/documents runs it as it stands, as the tutorial does; here with a hundredth of the work
    lines = ["set -e", f"polaris-parsl init . launcher={launcher}", f"python -c {quote(SHORTEN)}"]
    lines += ["python workflow.py", "echo ====", "python workflow.py"]
    (tmp_path / "project/twice.sh").write_text("\n".join(lines))
    first, second = in_sandbox("bash twice.sh").split("====\n")
    rows = ROW.findall(first)
    assert len({node for node, *_ in rows}) == 3
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


@pytest.mark.parametrize("launcher", ["mpiexec", "gnu_parallel"])
def test_every_node_has_the_environment_of_the_driver(
    in_sandbox: Sandboxed, install: Any, tmp_path: Path, launcher: str
) -> None:
    (tmp_path / "project" / "report.py").write_text(REPORT.replace("MEET", meet(3)))
    rows = [
        line.split("|")
        for line in in_sandbox(f"python report.py {launcher}").splitlines()
        if "|" in line
    ]
    assert len({node for node, *_ in rows}) == 3
    for _, executable, directory, *variables in rows:
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


@pytest.mark.parametrize(
    ("environ", "option", "message"),
    [
        ({}, "worker_init='export PATH=/nowhere'", "there is no mpiexec on PATH"),
        (
            {"POLARIS_PARSL_MODULE": "polaris-parsl/0"},
            "",
            "cannot load the module polaris-parsl/0 of",
        ),
    ],
)
def test_a_job_that_cannot_start_its_workers_stops_with_the_reason(
    *,
    install: Any,
    in_sandbox: Sandboxed,
    tmp_path: Path,
    environ: dict[str, str],
    option: str,
    message: str,
) -> None:
    (tmp_path / "project" / "broken.py").write_text(BROKEN.format(environ, option))
    printed = in_sandbox("python broken.py")
    assert message in printed
    if environ:
        tree = f"{install.prefix}/modulefiles"
        shown = block("docs/modules.md", "polaris_parsl on x3005").text.partition(": ")[2]
        shown = shown.replace("/eagle/PROJECT/polaris-parsl/modulefiles", tree)
        assert shown.replace("polaris-parsl/1.0", "polaris-parsl/0") in printed
