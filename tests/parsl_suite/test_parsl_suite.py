"""Parsl's own tests pass on our configurations, as docs/parsl-tests.md says."""

import subprocess
import sys
from pathlib import Path

import pytest

from polaris_parsl.facts.polaris import polaris

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "parsl-tests.md").read_text().splitlines()
    if line.startswith("| 20")
]


@pytest.mark.long
@pytest.mark.parametrize(
    "way", ["one task per GPU", "two nodes by GNU Parallel", "inside a job of two nodes"]
)
def test_parsls_own_tests_pass_as_the_table_says(way: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, ROOT / "scripts" / "parsl_tests.py"),
            *("--check", polaris().parsl.locked[0], "--way", way),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("release", polaris().parsl.locked)
def test_nothing_fails_and_as_much_passes_as_with_parsls_own_configuration(release: str) -> None:
    counts = {way: numbers for found, way, *numbers in ROWS if found == release}
    plain, *ours = counts.values()
    assert next(iter(counts)).startswith("Parsl's")
    assert int(plain[0]) > 100
    assert ours
    assert all(numbers == plain and numbers[2] == "0" for numbers in ours)
