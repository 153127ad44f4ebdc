"""Each template of `polaris-parsl init` runs as it is, and finds what it looks for."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from polaris_parsl.env.user.project import templates

Sandboxed = Callable[[str], str]
# Each in a directory and a process of its own, as `python workflow.py` there; Parsl is imported once for all.
RUN_ALL = """
import os, runpy, subprocess, sys
import parsl, polaris_parsl

for template in sys.argv[1:]:
    print("==", template, flush=True)
    subprocess.run(["polaris-parsl", "init", template, "--template", template], check=True)
    process = os.fork()
    if process == 0:
        os.chdir(template)
        sys.path[0], sys.argv[:] = os.getcwd(), ["workflow.py"]
        runpy.run_path("workflow.py", run_name="__main__")
        sys.exit()
    assert os.waitpid(process, 0)[1] == 0, template
"""
IN_SANDBOX = ("gpu", "inference", "mpi", "pipeline", "adaptive")


@pytest.fixture(scope="module")
def printed(in_sandbox_once: Sandboxed, module_folder: Path) -> dict[str, str]:
    """What each template prints, one after the other in one sandbox."""
    (module_folder / "project" / "all.py").write_text(RUN_ALL)
    printed = in_sandbox_once(f"python all.py {' '.join(IN_SANDBOX)}")
    _, *parts = re.split(r"^== \w+\n", printed, flags=re.MULTILINE)
    return dict(zip(IN_SANDBOX, parts, strict=True))


def test_an_ensemble_has_files_for_each_member(
    printed: dict[str, str], module_folder: Path
) -> None:
    said = printed["gpu"]
    assert re.search(r"^000: angle 0.1, period 6.2\d; GPU [0-3] of x\w+$", said, re.MULTILINE)
    assert "12 members, exit codes [0]" in said
    assert len(list((module_folder / "project" / "gpu").glob("ensemble/*/output.txt"))) == 12


def test_inference_loads_its_model_once_in_each_worker(printed: dict[str, str]) -> None:
    said = printed["inference"]
    assert "1000 inputs in 10 classes, by plain Python" in said
    batches = re.findall(r"GPU [0-3], loads (\d+): (\d+) batches", said)
    assert {loads for loads, _ in batches} == {"1"}
    assert sum(int(number) for _, number in batches) == 40


def from_source(template: str, folder: Path, *command: str | Path) -> str:
    """What a command prints that the Python of the tests runs in a copy of a template."""
    for file in templates()[template].iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    sandbox = [sys.executable, "-m", "polaris_parsl", "sandbox", "--"]
    done = subprocess.run(
        [*sandbox, sys.executable, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=1100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_mpi_tasks_have_the_nodes_and_ranks_that_they_ask_for(printed: dict[str, str]) -> None:
    said = printed["mpi"]
    assert re.search(r"^1000 steps: pi is 3.14159274, by 4 ranks on x\w+$", said, re.MULTILINE)
    assert re.search(
        r"^100000 steps: pi is 3.14159265, by 8 ranks on x\w+, x\w+$", said, re.MULTILINE
    )


def test_a_pipeline_has_stages_of_three_shapes(printed: dict[str, str]) -> None:
    said = printed["pipeline"]
    assert re.search(r"^16 simulations on [1-4] GPUs$", said, re.MULTILINE)
    sums = re.findall(r"^x\w+: 8 energies, sum (\d\.\d{3})", said, re.MULTILINE)
    assert len(sums) == 2
    assert 4 < sum(map(float, sums)) < 7  # a third each, on average


def test_an_adaptive_search_finds_a_minimum(printed: dict[str, str]) -> None:
    said = printed["adaptive"]
    found = re.search(r"^found (\S+) at .* after (\d+) tasks$", said, re.MULTILINE)
    assert found
    assert float(found[1]) < 0.01
    assert int(found[2]) < 400


def test_the_notebook_runs_from_its_first_cell_to_its_last(tmp_path: Path) -> None:
    runner = Path(__file__).with_name("cells.py")
    printed = from_source("notebook", tmp_path, runner, "workflow.ipynb")
    cells = json.loads(printed.splitlines()[-1])
    assert len(cells) == 4
    rows = cells[2].splitlines()
    assert len(rows) == 15
    assert re.fullmatch(r"2\.0 0\.500 #{20} +x\w+ GPU [0-3]", rows[5])


def test_every_template_is_run_by_a_test() -> None:
    text = Path(__file__).read_text()
    runs = ('printed["{}"]', 'from_source("{}", ')
    others = [each for each in templates() if not any(run.format(each) in text for run in runs)]
    # it is the example of test_main_job.py
    assert others == ["sweep"]
