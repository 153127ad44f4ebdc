"""The doctor on the nodes of a block: through PBS, inside a job, and where nodes cannot answer."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import isolations
from code_blocks import Typed, block
from polaris_parsl.doctor.node_checks import NODE_CHECKS
from polaris_parsl.version import VERSION

COMMAND = f"{sys.executable} -m polaris_parsl doctor --on-node --json"
SHOWN = block("docs/doctor.md", "ok       python")
PATH = f"{Path(sys.executable).parent}:"
# Runs the doctor in a job of two nodes, and shows what it says.
IN_A_JOB = f"""
qsub -A sandbox -q debug -l select=2:ncpus=64:ngpus=4 -l walltime=0:10:00 \
    -l filesystems=home:eagle -o job.out -e job.err >/dev/null <<'JOB'
cd "$PBS_O_WORKDIR"
export PATH={PATH}$PATH
{COMMAND} >doctor.json
echo "ended $?"
JOB
until grep -q ended job.out 2>/dev/null; do sleep 0.3; done
cat job.err >&2
cat doctor.json
"""


def of_nodes(report: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The status of each check, by node."""
    found: dict[str, dict[str, str]] = {}
    for each in report["results"]:
        if each["node"]:
            found.setdefault(each["node"], {})[each["check"]] = each["status"]
    return found


def of_block(report: dict[str, Any]) -> tuple[str, str]:
    (block,) = [each for each in report["results"] if each["check"] == "block"]
    return block["status"], block["text"]


def test_every_node_of_a_block_is_checked_and_nothing_is_left(
    install: Any, in_sandbox: Callable[[str], str], tmp_path: Path
) -> None:
    isolations.need("namespaces")
    options = "account=sandbox queue=debug-scaling nodes_per_block=3"
    # a job that was deleted takes a moment to end
    ended = 'for _ in {1..1000}; do [ -z "$(qstat)" ] && break; sleep 0.4; done; qstat'
    printed = in_sandbox(f"bash -c 'polaris-parsl doctor --on-node --json {options}; {ended}'")
    report, end = json.JSONDecoder().raw_decode(printed)
    assert report["exit_code"] == 0
    found = of_nodes(report)
    assert len(found) == 3
    for node in found.values():
        assert list(node) == [each.name for each in NODE_CHECKS]
        assert set(node.values()) == {"ok"}
    assert of_block(report) == ("ok", "3 of 3 nodes answered")
    texts = {each["check"]: each["text"] for each in report["results"] if each["node"]}
    texts["block"] = of_block(report)[1]
    shown = {line.split()[1]: line[21:] for line in SHOWN.text.splitlines()}
    assert list(shown) == list(texts)
    places = {install.prefix: "/eagle/PROJECT/polaris-parsl", VERSION: "VERSION"}
    for check, text in shown.items():
        said = text.partition(": ")[2] if check != "block" else text
        assert Typed("", f"{said}\n").shows(f"{texts[check]}\n", places), texts[check]
    assert printed[end:].strip() == "", "a job is left"
    assert list((tmp_path / "project").iterdir()) == []


@pytest.mark.parametrize("isolation", ["namespaces", "loopback"])
def test_inside_a_job_its_own_nodes_are_checked(
    isolation: str, run_isolated: Callable[..., str]
) -> None:
    report = json.loads(run_isolated(isolation, "bash", "-c", IN_A_JOB))
    assert report["exit_code"] == 0
    found = of_nodes(report)
    assert len(found) == 2
    # on loopback a node has no disk of its own
    notes = {"namespaces": set(), "loopback": {"scratch"}}[isolation]
    for node in found.values():
        assert {name for name, status in node.items() if status == "note"} == notes
        assert set(node.values()) <= {"ok", "note"}
    assert report["host"] in found


# Options that keep nodes from answering, and the text of the check "block".
SILENT = {
    "worker_init='export PATH=/nowhere'": "0 of 1 nodes answered; the job says: .*there is no mpiexec on PATH",
    "worker_init='exit 3'": "0 of 1 nodes answered; the job says: .*exit code 3, at its line 1: exit 3 ",
    "queue=R123456": "no block: .*qsub: Unknown queue",
}


def test_nodes_that_do_not_answer_are_reported_with_the_output_of_the_job(
    run_isolated: Callable[..., str], tmp_path: Path
) -> None:
    lines = [f"{COMMAND} account=sandbox {option} | tr '\\n' ' '; echo" for option in SILENT]
    printed = run_isolated("loopback", "bash", "-c", "\n".join([*lines, "qstat"]), path=PATH)
    *answers, left = printed.split("\n")
    assert left == "", "a job is left"
    for answer, words in zip(answers, SILENT.values(), strict=True):
        report = json.loads(answer)
        assert report["exit_code"] == 20
        status, text = of_block(report)
        assert (status, bool(re.search(words, text))) == ("problem", True), text
    assert not (tmp_path / "runinfo").exists()


# Ends the doctor while its job waits for nodes, and shows what is left.
STOPPED = f"""
qsub -A sandbox -q debug-scaling -l select=4:ncpus=64:ngpus=4 -l walltime=0:10:00 \\
    -l filesystems=home:eagle -o /dev/null -e /dev/null >/dev/null <<<'sleep 3600'
{COMMAND} account=sandbox queue=preemptable >/dev/null 2>said & doctor=$!
until grep -q 'Ctrl-C deletes it' said; do sleep 0.2; done
qstat | tail -n +3 | wc -l
ls runinfo
kill -TERM $doctor; wait $doctor
echo "ended with $?"
qstat | tail -n +3 | wc -l
"""


def test_a_stopped_doctor_deletes_its_job(run_isolated: Callable[..., str], tmp_path: Path) -> None:
    printed = run_isolated("loopback", "bash", "-c", STOPPED, path=PATH)
    jobs, during, *after = printed.splitlines()
    assert jobs == "2"
    assert during.startswith("doctor-")
    assert after == ["ended with 143", "1"]
    assert not (tmp_path / "runinfo").exists()
