"""What a Python reports of the distributions that it sees, by probe.py run as a user runs it."""

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from polaris_parsl.env.base.fingerprint import ask


@pytest.mark.parametrize("quick", [False, True])
def test_a_python_reports_the_distributions_that_it_sees(quick: bool) -> None:
    answer = ask(Path(sys.executable), names=["pytest"], quick=quick, env={})
    entry = answer["distributions"]["pytest"]
    assert entry["version"] == version("pytest")
    assert ("files_sha256" in entry) is not quick
    assert ("sha256" in answer["distributions"]["parsl"]) is not quick
