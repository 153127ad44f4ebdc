"""33 plausible mistakes in a configuration, each as a user of polaris_parsl would make it.

The constructors of Parsl 2026.10.26 take 24 of them without a word; those show as a job that
PBS refuses, a GPU that idles, or tasks that hang. The other 9 they refuse as well.
"""

from pathlib import Path
from typing import Any

import pytest
from parsl.config import Config
from parsl.launchers import MpiExecLauncher, SingleNodeLauncher
from typeguard import TypeCheckError

import polaris_parsl
from polaris_parsl.errors import OptionError

GPU_CPUS = ["24-31,56-63", "16-23,48-55", "8-15,40-47", "0-7,32-39"]
MPI = {"max_workers_per_block": 2, "nodes_per_block": 4}

# The mistake, what the user writes, and words of the problem and of the remedy.
TAKEN_BY_PARSL: dict[str, tuple[dict[str, Any], str, str]] = {
    "walltime in minutes": ({"walltime": "60"}, "'60'", "1:00:00"),
    "walltime in seconds": ({"walltime": 3600}, "3600", "1:00:00"),
    "walltime with a unit": ({"walltime": "1h"}, "'1h'", "1:00:00"),
    "no account": ({"account": None}, "no account", "account="),
    "misspelt queue": ({"queue": "debug-scalling"}, "'debug-scalling'", "debug-scaling"),
    "nodes as text": ({"nodes_per_block": "3"}, "'3'", "whole number"),
    "no nodes": ({"nodes_per_block": 0}, "nodes_per_block=0", "from 1 to 560"),
    "no filesystems": (
        {"scheduler_options": "#PBS -l place=scatter"},
        "names no filesystems",
        "#PBS -l filesystems=home:eagle",
    ),
    "no #PBS": ({"scheduler_options": "-l filesystems=home"}, "'-l filesystems=home'", "#PBS "),
    "more blocks at first than at most": (
        {"init_blocks": 2, "max_blocks": 1},
        "init_blocks=2",
        "init_blocks <= max_blocks",
    ),
    "more blocks at least than at most": (
        {"init_blocks": 2, "min_blocks": 2, "max_blocks": 1},
        "min_blocks=2",
        "min_blocks <= init_blocks",
    ),
    "more CPUs than a node has": ({"cpus_per_node": 128}, "cpus_per_node=128", "from 1 to 64"),
    "launcher of one node for three": (
        {"nodes_per_block": 3, "queue": "debug-scaling", "launcher": SingleNodeLauncher()},
        "launcher=SingleNodeLauncher",
        "'mpiexec' or 'gnu_parallel'",
    ),
    "launcher with the flags of another mpiexec": (
        {"launcher": MpiExecLauncher()},
        "launcher=MpiExecLauncher",
        "'mpiexec' or 'gnu_parallel'",
    ),
    "misspelt affinity": ({"cpu_affinity": "blok"}, "cpu_affinity", "leave it out"),
    "affinity of three for four workers": (
        {"available_accelerators": 4, "cpu_affinity": f"list:{':'.join(GPU_CPUS[:3])}"},
        "cpu_affinity",
        "follows from the workers",
    ),
    "label that breaks qsub": ({"label": "my label"}, "'my label'", "letters"),
    "more GPUs than a node has": ({"available_accelerators": 5}, "=5", "0 to 4"),
    "GPUs as text": ({"available_accelerators": "4"}, "'4'", "0 to 4"),
    "heartbeats too rare": (
        {"heartbeat_period": 200, "heartbeat_threshold": 120},
        "heartbeat_threshold=120 s",
        "several periods",
    ),
    "drain after the end": (
        {"drain_period": 7200, "walltime": "1:00:00"},
        "drain_period=7200 s",
        "less the time of the longest task",
    ),
    "misspelt strategy": ({"strategy": "smple"}, "'smple'", "'simple'"),
    "misspelt mode of checkpoints": (
        {"checkpoint_mode": "task_exist"},
        "checkpoint_mode",
        "whenever a task ends",
    ),
    "period of checkpoints as a number": (
        {"checkpoint_period": 300},
        "checkpoint_period",
        "whenever a task ends",
    ),
}
REFUSED_BY_PARSL: dict[str, tuple[dict[str, Any], str, str]] = {
    "launcher by the name of its class": (
        {"launcher": "MpiExecLauncher"},
        "'MpiExecLauncher'",
        "'mpiexec' or 'gnu_parallel'",
    ),
    "unknown option": ({"nodes_per_blok": 3}, "nodes_per_blok", "did you mean nodes_per_block?"),
    "drain as text": ({"drain_period": "600"}, "'600'", "whole number"),
    "workers as a fraction": ({"max_workers_per_node": 4.0}, "4.0", "whole number"),
    "start method that Parsl lost": ({"start_method": "fork"}, "'fork'", "leave start_method out"),
    "checkpoints as an option of the run": (
        {"checkpoint_mode": "task_exit"},
        "checkpoint_mode",
        "whenever a task ends",
    ),
    "retries as text": ({"retries": "2"}, "'2'", "whole number"),
    "MPI tasks under another launcher": (
        {**MPI, "launcher": "gnu_parallel", "queue": "debug-scaling"},
        "launcher='gnu_parallel'",
        "leave launcher out",
    ),
}


def build(tmp_path: Path, options: dict[str, Any]) -> Any:
    usual = {"account": "datascience", "address": "10.0.0.1", "run_dir": tmp_path / "runs"}
    return polaris_parsl.config(**{**usual, **options})


@pytest.mark.parametrize("mistake", [*TAKEN_BY_PARSL, *REFUSED_BY_PARSL])
def test_a_mistake_is_refused_with_a_remedy_before_anything_is_written(
    mistake: str, tmp_path: Path
) -> None:
    options, problem, remedy = (TAKEN_BY_PARSL | REFUSED_BY_PARSL)[mistake]
    with pytest.raises(OptionError) as refusal:
        build(tmp_path, options)
    assert problem in refusal.value.problem
    assert remedy in refusal.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_the_33rd_a_path_as_run_dir_is_put_right(tmp_path: Path) -> None:
    with pytest.raises(TypeCheckError, match="run_dir"):
        Config(run_dir=tmp_path)  # type: ignore[arg-type]
    assert build(tmp_path, {"run_dir": tmp_path}).run_dir == str(tmp_path)
    assert len(TAKEN_BY_PARSL) + len(REFUSED_BY_PARSL) + 1 == 33
