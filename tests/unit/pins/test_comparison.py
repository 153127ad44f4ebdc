"""Looking at a bundle starts nothing that the bundle names."""

import json
from pathlib import Path

import pytest

from polaris_parsl.env.base.fingerprint import ask
from polaris_parsl.env.receipt import FORMAT
from polaris_parsl.errors import BaseEnvironmentError
from polaris_parsl.pins.bundle import Bundle
from polaris_parsl.pins.comparison import verify_bundle


@pytest.fixture
def hostile(tmp_path: Path) -> Bundle:
    """A bundle whose base is a program of its author, with words of theirs."""
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    base = {
        "executable": str(program), "prefix": "/usr", "interpreter": {"version": "3.11.2"},
        "start_files": {}, "module": None, "conda": None,
        "distributions": {"-e": {"leaned_on": True, "version": "1"}},
    }  # fmt: skip
    receipt = {
        "format": FORMAT, "version": "1", "track": "current", "locks": {}, "parsl": "1",
        "gnu_parallel": {"source": "none"}, "prefix": "/p", "command": [], "base": base,
        "overlay": [], "from_base": {}, "files": {}, "links": {},
    }  # fmt: skip
    (tmp_path / "receipt.json").write_text(json.dumps(receipt))
    return Bundle(tmp_path, tmp_path, {}, receipt, {})


@pytest.mark.parametrize("own", [None, Path("/usr/bin/python3")])
def test_a_program_that_only_the_bundle_names_is_not_started(
    own: Path | None, hostile: Bundle, tmp_path: Path
) -> None:
    report = verify_bundle(hostile, named=None, own=own, env={})
    assert not (tmp_path / "started").exists()
    assert any(f"--base {tmp_path}/program" in text for text in report.unchecked)


def test_a_word_of_a_receipt_is_no_option_of_the_python_that_is_named(
    hostile: Bundle, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    report = verify_bundle(hostile, named=program, own=None, env={})
    assert not (tmp_path / "started").exists()
    assert "'-e' is not the name of a distribution" in report.findings[0].text
    with pytest.raises(BaseEnvironmentError, match="is not the name"):
        ask(program, names=["system('id')"], quick=True, env={})
