"""The checks of the answers of nodes; tests/workflow/test_doctor.py has real answers."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.doctor.block import Block
from polaris_parsl.doctor.findings import DoctorFinding, Status
from polaris_parsl.doctor.here import Here
from polaris_parsl.doctor.node_checks import examine_block
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.options import ExecutorOptions

THERE = {"file": "/eagle/overlay/lib/python3.12/site-packages/parsl/__init__.py"}
ANSWER: dict[str, Any] = {
    "host": "x3001c0s1b0n0",
    "executable": "/eagle/overlay/bin/python",
    "python": {
        "version": "3.12.11",
        "parsl": {**THERE, "version": "2026.10.26"},
        "polaris_parsl": {**THERE, "version": "2026.11.0"},
    },
    "system": "Linux 5.14.21, glibc 2.38",
    "cpus": list(range(polaris().node.threads)),
    "unbound": [],
    "gpus": {"lines": [f"GPU {each.gpu}: A100" for each in polaris().node.accelerators]},
    "interfaces": ["lo", "hsn0"],
    "reached": {"10.0.0.1:54000": {"ahead": 0.01, "within": 0.001}},
    "tmpdir": {"folder": "/tmp", "free": 10**11},
    "scratch": {"folder": "/local/scratch", "free": 10**12},
    "open_files": 1024,
}


def look(
    answer: dict[str, Any], tmp_path: Path, *, nodes: int = 1
) -> dict[str, list[DoctorFinding]]:
    given = {"account": "datascience", "run_dir": str(tmp_path), "nodes_per_block": nodes}
    block = Block(ExecutorOptions.parse(given), (answer,), "there is no mpiexec")
    here = Here({"PATH": "/nowhere"}, tmp_path, None, given)
    # the driver's Python does not exist here
    here.__dict__.update(python=Path("/eagle/overlay/bin/python"), answer="not asked")
    found: dict[str, list[DoctorFinding]] = {}
    for result in examine_block(block, here):
        found.setdefault(result.check, []).append(result.finding)
    return found


def test_a_healthy_node_is_ok(tmp_path: Path) -> None:
    found = look(ANSWER, tmp_path)
    assert {each.status for findings in found.values() for each in findings} == {Status.OK}
    assert found["gpus"][0].text == "4 GPUs"


def gone(answer: dict[str, Any]) -> None:
    answer["python"]["parsl"] = {"error": "ModuleNotFoundError: No module named 'parsl'"}


def two_gpus(answer: dict[str, Any]) -> None:
    del answer["gpus"]["lines"][2:]


def no_driver(answer: dict[str, Any]) -> None:
    answer["gpus"] = {"error": "NVIDIA-SMI has failed"}


def bound(answer: dict[str, Any]) -> None:
    answer["unbound"] = [1, 2, 3]


def unreached(answer: dict[str, Any]) -> None:
    answer["reached"] = {"10.0.0.1:54000": {"error": "timed out"}}


def late(answer: dict[str, Any]) -> None:
    answer["reached"]["10.0.0.1:54000"]["ahead"] = -90.0


def long_tmpdir(answer: dict[str, Any]) -> None:
    answer["tmpdir"] = {"folder": "/var/tmp/pbs.1", "error": "AF_UNIX path too long"}


@pytest.mark.parametrize(
    ("harm", "check", "words"),
    [
        (gone, "python", "does not import parsl there: ModuleNotFoundError"),
        (two_gpus, "gpus", "2 GPUs; available_accelerators names GPU 3"),
        (no_driver, "gpus", "NVIDIA-SMI has failed; the workers need 4 GPUs"),
        (bound, "cpus", "workers cannot be bound to the CPUs 1, 2, 3: they would end"),
        (unreached, "reach", "cannot reach any address of the driver: 10.0.0.1:54000: timed out"),
        (late, "clock", "90.00 s from the driver's"),
        (long_tmpdir, "tmpdir", "TMPDIR=/var/tmp/pbs.1: AF_UNIX path too long"),
    ],
)
def test_each_fault_of_a_node_is_named(
    harm: Callable[[dict[str, Any]], None], check: str, words: str, tmp_path: Path
) -> None:
    answer = copy.deepcopy(ANSWER)
    harm(answer)
    found = look(answer, tmp_path)
    problems = {
        name: each.text
        for name, findings in found.items()
        for each in findings
        if each.status is Status.PROBLEM
    }
    assert problems.keys() == {check}
    assert words in problems[check]


def test_one_of_two_addresses_is_enough(tmp_path: Path) -> None:
    answer = copy.deepcopy(ANSWER)
    answer["reached"]["10.1.0.1:54000"] = {"error": "timed out"}
    (found,) = look(answer, tmp_path)["reach"]
    assert found.status is Status.NOTE
    assert "reaches 10.0.0.1:54000, but not 10.1.0.1:54000: timed out" in found.text


def test_instances_of_a_gpu_are_noted(tmp_path: Path) -> None:
    answer = copy.deepcopy(ANSWER)
    answer["gpus"]["lines"].insert(1, "  MIG 1g.5gb Device 0: (UUID: MIG-1)")
    assert [each.status for each in look(answer, tmp_path)["gpus"]] == [Status.OK, Status.NOTE]


def test_a_node_that_did_not_answer_is_reported(tmp_path: Path) -> None:
    (found,) = look(ANSWER, tmp_path, nodes=2)["block"]
    assert found.text == "1 of 2 nodes answered; the job says: there is no mpiexec"
