"""A workflow in an environment of the user's own: its packages reach the workers of every node."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import builder
from meeting import meet
from polaris_parsl.env.user.venv import make_venv, plan_venv

Runs = tuple[tuple[str, str], ...]
WORKFLOW = """
import os, sys
import parsl, polaris_parsl
from parsl import python_app
import my_science

@python_app
def look(folder, number):
    import my_science, os, parsl, socket, sys
MEET    module = os.environ.get("POLARIS_PARSL_MODULE")
    return socket.gethostname(), sys.executable, my_science.double(21), parsl.__file__, module

config = polaris_parsl.config(
    account="sandbox", queue="debug-scaling", nodes_per_block=2, walltime="0:10:00", run_dir="runs",
    launcher=sys.argv[1], available_accelerators=1,
)
with parsl.load(config):
    for row in sorted(set(task.result() for task in [look(os.getcwd(), n) for n in range(2)])):
        print(*row, sep="|")
"""


# without an environment, test_shapes.py has mpiexec without the module, test_main_job.py GNU Parallel with it
USUAL = (("mpiexec", "loaded"), ("gnu_parallel", "not loaded"))
OTHERS = (("mpiexec", "not loaded"), ("gnu_parallel", "loaded"))


@pytest.mark.parametrize("runs", [USUAL, pytest.param(OTHERS, marks=pytest.mark.long)])
def test_workers_import_what_only_the_environment_has(
    in_sandbox: Callable[[str], str], install: Any, lmod: Path, tmp_path: Path, runs: Runs
) -> None:
    plan = plan_venv(tmp_path / "my environment", install.root, env=os.environ)
    make_venv(plan, env=os.environ)
    builder.add_distribution(plan.folder / plan.site_packages, "my-science", "1.0")
    package = plan.folder / plan.site_packages / "my_science.py"
    package.write_text("def double(number):\n    return 2 * number\n")
    project = tmp_path / "project"
    (project / "workflow.py").write_text(WORKFLOW.replace("MEET", meet(2)))
    for launcher, module in runs:
        (project / launcher).mkdir()
        (project / launcher / "run.sh").write_text(
            f"{f'. {lmod}; module unload polaris-parsl' if module == 'not loaded' else ''}\n"
            f'. "{plan.folder}/bin/activate"\n'
            f"cd {launcher}; python -W error ../workflow.py {launcher}\n"
        )
    both = " && ".join(f"echo == && bash {launcher}/run.sh" for launcher, _ in runs)
    _, *printed = in_sandbox(f"bash -c '{both}'").split("==\n")
    for (launcher, module), text in zip(runs, printed, strict=True):
        rows = [line.split("|") for line in text.splitlines() if "|" in line]
        assert len({node for node, *_ in rows}) == 2
        packages = project / launcher / "runs" / "000" / "polaris_parsl" / "environment.txt"
        assert packages.read_text() == "my-science==1.0\n"
        name = f"polaris-parsl/{install.root.name}" if module == "loaded" else "None"
        for _, executable, answer, parsl, loaded in rows:
            assert (executable, answer, loaded) == (str(plan.python), "42", name)
            assert Path(parsl).is_relative_to(install.root / "overlay")
