"""Each template of `polaris-parsl init` runs as it is, and finds what it looks for."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from polaris_parsl.env.user.project import templates

# One sandbox for all; the sweep runs in test_main_job.py.
TEMPLATES = ["gpu", "inference", "mpi", "pipeline", "adaptive"]
SCRIPT = """
for template in "$@"; do
  polaris-parsl init $template --template $template
  (cd $template && echo "== $template" && python workflow.py) || exit
done
"""


@pytest.fixture
def printed(in_sandbox: Callable[[str], str], tmp_path: Path) -> dict[str, str]:
    """What each template prints."""
    (tmp_path / "project/all.sh").write_text(SCRIPT)
    output = in_sandbox(f"bash all.sh {' '.join(TEMPLATES)}")
    parts = re.split(r"^== (\w+)\n", output, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_every_template_finds_what_it_looks_for(printed: dict[str, str], tmp_path: Path) -> None:
    project = tmp_path / "project"
    assert re.search(
        r"^000: angle 0.1, period 6.2\d; GPU [0-3] of x\w+$", printed["gpu"], re.MULTILINE
    )
    assert "12 members, exit codes [0]" in printed["gpu"]
    assert len(list(project.glob("gpu/ensemble/*/output.txt"))) == 12

    assert "1000 inputs in 10 classes, by plain Python" in printed["inference"]
    batches = re.findall(r"GPU [0-3], loads (\d+): (\d+) batches", printed["inference"])
    assert {loads for loads, _ in batches} == {"1"}
    assert sum(int(number) for _, number in batches) == 40

    assert "1000 steps: pi is 3.14159274, by 4 ranks on 1 nodes" in printed["mpi"]
    assert "100000 steps: pi is 3.14159265, by 8 ranks on 2 nodes" in printed["mpi"]

    assert re.search(r"^16 simulations on [1-4] GPUs$", printed["pipeline"], re.MULTILINE)
    sums = re.findall(r"^x\w+: 8 energies, sum (\d\.\d{3})", printed["pipeline"], re.MULTILINE)
    assert len(sums) == 2
    assert 4 < sum(map(float, sums)) < 7  # a third each, on average

    found = re.search(r"^found (\S+) at .* after (\d+) tasks$", printed["adaptive"], re.MULTILINE)
    assert found
    assert float(found[1]) < 0.01
    assert int(found[2]) < 400


def test_the_notebook_runs_from_its_first_cell_to_its_last(tmp_path: Path) -> None:
    source = templates()["notebook"]
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    runner = Path(__file__).with_name("cells.py")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "polaris_parsl", "sandbox", "--"),
            *(sys.executable, runner, "workflow.ipynb"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    cells = json.loads(done.stdout.splitlines()[-1])
    assert len(cells) == 4
    rows = cells[2].splitlines()
    assert len(rows) == 15
    assert re.fullmatch(r"2\.0 0\.500 #{20} +x\w+ GPU [0-3]", rows[5])


def test_every_template_is_run_by_a_test() -> None:
    assert {*TEMPLATES, "sweep", "notebook"} == {*templates()}
