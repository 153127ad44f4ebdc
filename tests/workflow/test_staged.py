"""The overlay, unpacked on the nodes of a job as docs/on-disk.md says, runs driver and workers."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import isolations
from meeting import meet

DOCUMENT = Path(__file__).parents[2] / "docs" / "on-disk.md"

WORKFLOW = """
import os, sys
import parsl, polaris_parsl
from parsl import python_app

@python_app(cache=True)
def look(folder, number):
    import parsl, socket, sys
MEET    return socket.gethostname(), sys.prefix, parsl.__file__

with parsl.load(polaris_parsl.config(run_dir="runs", available_accelerators=1)):
    rows = {("driver", sys.prefix, parsl.__file__)}
    rows |= {task.result() for task in [look(os.getcwd(), number) for number in range(2)]}
for row in sorted(rows):
    print("row", *row)
"""


def test_the_documented_job_script_runs_the_overlay_of_the_nodes(
    in_sandbox: Callable[[str], str], tmp_path: Path
) -> None:
    isolations.need("namespaces")
    if shutil.which("zstd") is None:
        pytest.skip("the program zstd is not on this machine")
    lines = DOCUMENT.read_text().split("```bash\n")[1].split("```")[0]
    assert "/local/scratch" in lines
    job = f'cd "$PBS_O_WORKDIR"\n{lines}\necho "ended $?"\n'
    project = tmp_path / "project"
    (project / "workflow.py").write_text(WORKFLOW.replace("MEET", meet(2)))
    (project / "job.sh").write_text(job)
    (project / "submit.sh").write_text(
        "qsub -V -A sandbox -q debug -l select=2:ncpus=64:ngpus=4 -l place=scatter"
        " -l walltime=0:10:00 -l filesystems=home -j oe -o job.out job.sh >/dev/null\n"
        "until grep -q ended job.out 2>/dev/null; do sleep 0.3; done\ncat job.out\n"
    )
    output = in_sandbox("bash submit.sh")
    assert "ended 0" in output, output
    rows = [line.split()[1:] for line in output.splitlines() if line.startswith("row ")]
    assert {row[0] for row in rows} > {"driver"}
    assert len(rows) == 3
    for _, prefix, place in rows:
        assert prefix == "/local/scratch/overlay"
        assert place.startswith(prefix)
