from pathlib import Path

import pytest

from polaris_parsl.cli.install import warn_of_letters


def test_a_prefix_whose_letters_lmod_loses_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    warn_of_letters(Path("/eagle/prójekt"))
    said = capsys.readouterr().err
    assert "warning: /eagle/prójekt has letters beyond ASCII: Lmod may neither unload" in said
    assert "fix: install into a prefix of ASCII letters" in said
    warn_of_letters(Path("/eagle/project with spaces"))
    assert capsys.readouterr().err == ""
