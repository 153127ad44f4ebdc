"""`adopt` finds each mistake where it is made, and nowhere else."""

import os
import warnings
from pathlib import Path

import pytest

import polaris_parsl
from polaris_parsl.adopt.reading import adopt
from polaris_parsl.adopt.rules import RULES
from polaris_parsl.adopt.translate import Adopted
from published.building import pretended

ROOT = Path(__file__).parents[2]
GOOD = Path(__file__).with_name("files") / "good.py"
LAUNCHER = """MpiExecLauncher(
                    bind_cmd="--cpu-bind", overrides="--depth=64 --ppn 1 --env TMPDIR=/tmp"
                )"""
AFFINITY = 'cpu_affinity="list:24-31,56-63:16-23,48-55:8-15,40-47:0-7,32-39"'
WORKERS = "available_accelerators=4,\n            max_workers_per_node=4"

PLACEHOLDERS = ("YOURPROJECT", "PROJECT")

# For each rule: text of the good file, and the mistake that replaces it.
MISTAKES = [
    ("PP101", "home:eagle", "home:grand"),
    ("PP102", "#PBS -l filesystems=home:eagle\\n", ""),
    ("PP103", '"datascience"', '"YOURPROJECT"'),
    ("PP103", '"/eagle/datascience/run"', '"/eagle/yourproject/run"'),
    ("PP103", '"datascience"', '"PROJECT"'),
    ("PP104", "02:00:00", "73:00:00"),
    ("PP104", '"preemptable"', '"prod"'),
    ("PP104", '"preemptable"', '"no-such-queue"'),
    ("PP104", '"preemptable"', '"small"'),
    ("PP104", "nodes_per_block=3", "nodes_per_block=11"),
    ("PP105", "nodes_per_block=3", 'nodes_per_block="3"'),
    ("PP105", '"02:00:00"', "7200"),
    ("PP105", "heartbeat_threshold=200", "heartbeat_threshold=10"),
    ("PP105", WORKERS, "available_accelerators=4,\n            max_workers_per_node=0"),
    ("PP105", 'label="gpus"', 'label="my gpus"'),
    ("PP107", "from parsl.config", "import sys  # Aurora\nfrom parsl.config"),
    ("PP201", "cores_per_worker=8", "cores_per_worker=17"),
    ("PP106", "#PBS -r y", "#PBS -J 1-10"),
    ("PP106", "#PBS -r y", "#PBS -l walltime=1:00:00"),
    ("PP201", ":0-7,32-39", ""),
    ("PP202", AFFINITY, 'cpu_affinity="alternating"'),
    ("PP202", f"{AFFINITY},", ""),
    ("PP202", AFFINITY, 'cpu_affinity="list:0-7:8-15:16-23:24-31"'),
    ("PP202", AFFINITY, 'cpu_affinity="list:a:b:c:d"'),
    ("PP203", f"{WORKERS},", ""),
    ("PP204", WORKERS, "available_accelerators=8"),
    ("PP206", WORKERS, "available_accelerators=6"),
    ("PP206", WORKERS, 'available_accelerators="4"'),
    ("PP207", "config = Config(", "config = lambda **x: _set(Config(**x))\nconfig("),
    ("PP208", "cpus_per_node=64", "cpus_per_node=1"),
    ("PP209", 'select_options="ngpus=4",', ""),
    ("PP210", WORKERS, "available_accelerators=4,\n            max_workers_per_node=2"),
    ("PP301", "--ppn 1 ", ""),
    ("PP302", 'bind_cmd="--cpu-bind"', "bind_cmd=None"),
    ("PP302", 'bind_cmd="--cpu-bind", ', ""),
    ("PP302", LAUNCHER, '__import__("parsl").launchers.MpiRunLauncher()'),
    ("PP303", LAUNCHER, '__import__("parsl").launchers.SimpleLauncher()'),
    ("PP303", f"launcher={LAUNCHER},", ""),
    ("PP305", " --env TMPDIR=/tmp", ""),
    ("PP306", "; cd /eagle/datascience/run", ""),
    ("PP307", "export OMP", "module load conda/2024-04-29; export OMP"),
    ("PP308", "export OMP", "source /soft/env/bin/activate; export OMP"),
    ("PP309", LAUNCHER, '__import__("parsl").launchers.GnuParallelLauncher()'),
    ("PP310", "cd /eagle/datascience/run", "cd /eagle/datascience/data"),
    ("PP401", '"10.0.0.1"', '__import__("parsl").addresses.address_by_interface("hsn0")'),
    ("PP402", 'address="10.0.0.1",', ""),
    ("PP501", "cores_per_worker", 'start_method="fork", cores_per_worker'),
    ("PP501", "max_workers_per_node", "max_workers"),
    ("PP502", "cores_per_worker", "core_per_worker"),
    ("PP503", "config = ", '@__import__("parsl").python_app\ndef f(): pass\n\nconfig = '),
    ("PP504", "retries=5", "retries=5, garbage_collect=False"),
    ("PP504", "ngpus=4", "ngpus=4:mig_config=x"),
    ("PP506", "max_idletime=300.0", "max_idletime=1j"),
    ("PP505", "    executors=[", '    executors=[__import__("parsl").ThreadPoolExecutor(),'),
]


def rules_of(found: Adopted) -> set[str]:
    return {finding.rule for finding in found.findings}


@pytest.mark.parametrize(("rule", "right", "wrong"), MISTAKES)
def test_a_mistake_is_found_under_its_id(tmp_path: Path, rule: str, right: str, wrong: str) -> None:
    text = GOOD.read_text()
    assert text.count(right) >= 1
    file = tmp_path / "wrong.py"
    setting = "\n\ndef _set(config):\n    config.executors[0].address = '10.0.0.2'\n    return config\n\n\n"
    file.write_text(text.replace("\nconfig = ", f"{setting}config = ").replace(right, wrong))
    (found,) = adopt(file, {}, os.environ)
    assert rule in rules_of(found)
    if found.options["account"] in PLACEHOLDERS:
        return  # the user's to fill in
    with pretended(0), warnings.catch_warnings(action="ignore"):
        assert polaris_parsl.config(**found.options).executors


def test_adopt_finds_that_worker_init_starts_mps_on_one_node_only(tmp_path: Path) -> None:
    text = GOOD.read_text().replace(WORKERS, "available_accelerators=8")
    text = text.replace("export OMP", "nvidia-cuda-mps-control -d; export OMP")
    file = tmp_path / "mps.py"
    file.write_text(text)
    (found,) = adopt(file, {}, os.environ)
    assert "PP205" in rules_of(found)
    assert "mps" not in str(found.options["worker_init"])


def test_adopt_says_what_start_method_is_now(tmp_path: Path) -> None:
    file = tmp_path / "spawn.py"
    file.write_text(
        GOOD.read_text().replace("cores_per_worker", 'start_method="spawn", cores_per_worker')
    )
    (found,) = adopt(file, {}, os.environ)
    (said,) = [str(each) for each in found.findings if each.rule == "PP501"]
    assert 'start_method="forkserver"' in said


def test_adopt_finds_a_number_of_nodes_that_ignores_the_job(tmp_path: Path) -> None:
    file = tmp_path / "fixed.py"
    file.write_text(
        "from parsl import Config\nfrom parsl.executors import HighThroughputExecutor\n"
        "from parsl.providers import LocalProvider\n"
        "c = Config(executors=[HighThroughputExecutor(provider=LocalProvider(nodes_per_block=2))])\n"
    )
    (found,) = adopt(file, {}, os.environ)
    assert "PP304" in rules_of(found)


def test_every_rule_has_a_mistake_here_and_a_line_in_the_documentation() -> None:
    tried = {rule for rule, _, _ in MISTAKES} | {"PP205", "PP304"}
    assert tried == RULES.keys()
    page = (ROOT / "docs" / "adopt.md").read_text()
    for rule, title in RULES.items():
        assert f"| {rule} | {title} |" in page
