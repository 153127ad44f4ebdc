"""The last checks of a new install.

The overlay is asked what it imports, unless a process of its own has said that already.
"""

import json
from pathlib import Path

import pytest

import builder
from polaris_parsl.env.base.choice import Base
from polaris_parsl.env.installer.preflight import check_overlay, check_requirements_of_tools
from polaris_parsl.env.installer.wheel_files import OpenWheel
from polaris_parsl.env.installer.wheels import Wheel
from polaris_parsl.errors import LockError
from polaris_parsl.files import digest


def overlay(folder: Path, *answer: str) -> Path:
    """An install whose Python answers so, and leaves a trace."""
    python = folder / "overlay/bin/python"
    python.parent.mkdir(parents=True)
    said = json.dumps(answer)
    python.write_text(f"#!/bin/sh\ntouch {folder}/asked\n[ -n '{answer[0]}' ] && echo '{said}'\n")
    python.chmod(0o755)
    return folder


def check(folder: Path, imported: str) -> bool:
    """Check it; whether it was asked."""
    check_overlay(folder, imported=imported, parsl="2026.2.23", version="1", env={})
    return (folder / "asked").exists()


def test_it_is_asked_only_where_nothing_is_known(tmp_path: Path) -> None:
    words = ("2026.02.23", "1", str(tmp_path / "overlay"), "/parsl.py")
    overlay(tmp_path, *words)
    assert not check(tmp_path, json.dumps(words))
    assert check(tmp_path, "")


@pytest.mark.parametrize(
    ("parsl", "own", "prefix"),
    [("2026.2.24", "1", "overlay"), ("2026.2.23", "2", "overlay"), ("2026.2.23", "1", "other")],
)
@pytest.mark.parametrize("is_known", [True, False])
def test_other_versions_and_places_are_refused(
    parsl: str, own: str, prefix: str, *, is_known: bool, tmp_path: Path
) -> None:
    words = (parsl, own, str(tmp_path / prefix), "/parsl.py")
    overlay(tmp_path, *words)
    with pytest.raises(LockError, match=r"wanted are 2026\.2\.23 and 1"):
        check(tmp_path, json.dumps(words) if is_known else "")


def test_an_overlay_that_imports_nothing_is_refused(tmp_path: Path) -> None:
    overlay(tmp_path, "")
    with pytest.raises(LockError, match="cannot import parsl and polaris_parsl"):
        check(tmp_path, "")


def test_only_what_the_command_imports_must_do_without_the_base(tmp_path: Path) -> None:
    markers = {"python_version": "3.12", "extra": ""}
    base = Base(tmp_path / "python", {"markers": markers})
    wheels = [
        OpenWheel(Wheel(name, "1", path, digest(path)), base.minor)
        for name, requires in (("of-command", "of-base"), ("of-track", "cryptography"))
        for path in [builder.small_wheel(tmp_path, name, "1", requires)]
    ]
    check_requirements_of_tools(wheels, base, locked=frozenset())
    with pytest.raises(LockError, match="of-command 1 requires of-base") as refused:
        check_requirements_of_tools(wheels, base, locked={"of-command", "of-base"})
    assert "of-track" not in str(refused.value)
