"""METHODS.md and REPRODUCE.md say what is true of a run."""

import json
from pathlib import Path
from typing import Any

import pytest

import builder
from polaris_parsl.pins.citation import bibtex, citation
from polaris_parsl.pins.texts import texts

RUN: dict[str, Any] = {
    "is_recorded": True,
    "run_id": "cd5c99ef",
    "workflow": "wf.py",
    "script_sha256": "5" * 64,
    "commit": "c" * 40,
    "first_record": "2026-11-24T04:48:19+00:00",
    "modes": {"gpu": "blocks (no job is running)"},
    "jobs": [{"executor": "gpu", "block": "0", "job": "77.pbs"}],
    "tasks": 40,
    "unfinished": 0,
    "from_checkpoints": 0,
    "apps": {"double": 40},
    "own_packages": [],
    "inputs": [],
}


@pytest.fixture
def receipt(tmp_path: Path) -> dict[str, Any]:
    root = builder.small_release(tmp_path, "2026.12.0")
    found: dict[str, Any] = json.loads((root / "receipt.json").read_text())
    return {**found, "gnu_parallel": {"version": "20241122"}}


def written(
    receipt: dict[str, Any], *, has_scripts: bool = True, has_options: bool = False, **run: Any
) -> dict[str, str]:
    names = ("has_explanation", "has_configuration", "has_wheelhouse", "has_base")
    given = {**dict.fromkeys(names, False), "has_scripts": has_scripts, "has_options": has_options}
    return texts(builder.REPOSITORY, receipt["base"], receipt, {**RUN, **run}, **given)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (0, "had 40 tasks of 1 app, in 1 PBS job."),
        (3, "had 40 tasks of 1 app, 3 of which were not executed but taken from the checkpoints"),
        (40, "had 40 tasks of 1 app, none of which was executed: all results were taken from"),
    ],
)
def test_tasks_from_checkpoints_are_not_called_executed(
    found: int, words: str, receipt: dict[str, Any]
) -> None:
    assert words in written(receipt, from_checkpoints=found)["METHODS.md"]


def test_a_run_names_its_script_commit_inputs_and_nodes(receipt: dict[str, Any]) -> None:
    given = [{"name": "/eagle/in.dat", "bytes": 7, "sha256": "7" * 64}]
    made = written(receipt, inputs=given)
    assert f"The workflow wf.py was that of commit {'c' * 40}" in made["METHODS.md"]
    assert (
        "A node of Polaris has 32 cores, 512 GiB of memory and 4 NVIDIA A100" in made["METHODS.md"]
    )
    assert f"| /eagle/in.dat | 7 | {'7' * 64} |" in made["REPRODUCE.md"]
    assert (
        f"`run/workflow.py` is the script wf.py as it was when the run began, sha256 {'5' * 64}"
        in (made["REPRODUCE.md"])
    )
    assert "The authors name these files as inputs of the run" in made["REPRODUCE.md"]
    rehearsed = written(receipt, modes={"gpu": "sandbox (…)"})
    assert "cores" not in rehearsed["METHODS.md"]


def test_job_scripts_are_named_only_where_there_are_some(receipt: dict[str, Any]) -> None:
    assert "`run/submit_scripts/` has the job scripts" in written(receipt)["REPRODUCE.md"]
    without = written(receipt, has_scripts=False)["REPRODUCE.md"]
    assert "`run/run.json` describes the run." in without
    assert "submit_scripts" not in without


def test_it_says_how_the_workflow_runs_again(receipt: dict[str, Any]) -> None:
    text = written(receipt)["REPRODUCE.md"]
    commands = """\
$ module use /path/to/new/prefix/modulefiles
$ module load polaris-parsl/2026.12.0
$ cp -r run /path/to/again
$ cd /path/to/again
$ python workflow.py
"""
    assert commands in text
    assert "polaris-parsl.toml" not in text
    assert "bring the inputs" not in text
    assert "`run/polaris-parsl.toml` count" in written(receipt, has_options=True)["REPRODUCE.md"]
    given = [{"name": "/eagle/in.dat", "bytes": 7, "sha256": "7" * 64}]
    assert "bring the inputs above" in written(receipt, inputs=given)["REPRODUCE.md"]
    assert "module use" not in written(receipt, script_sha256=None)["REPRODUCE.md"]


def test_a_base_that_gave_no_package_leaves_no_empty_table(receipt: dict[str, Any]) -> None:
    assert receipt["from_base"] == {}
    assert "| package |" not in written(receipt)["REPRODUCE.md"]
    assert "No package of the lock came from the base." in written(receipt)["REPRODUCE.md"]
    some = {**receipt, "from_base": {"dill": "0.4"}}
    assert "| dill | 0.4 |" in written(some)["REPRODUCE.md"]


def test_each_reference_has_a_year(receipt: dict[str, Any]) -> None:
    cited = citation(builder.REPOSITORY / "CITATION.cff", receipt)
    entries = bibtex(cited).strip().split("\n\n")
    assert len(entries) == 5
    assert all("\n  year = {20" in entry for entry in entries)
