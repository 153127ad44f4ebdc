"""Looking at an install or an environment starts nothing of it, unless it runs here anyway."""

import json
import os
import sys
from pathlib import Path

import pytest

import builder
from polaris_parsl.cli import main
from polaris_parsl.files import digest
from polaris_parsl.installs import LINK


class Hostile:
    """An install whose every program leaves a trace, and an environment on it that does, too."""

    def __init__(self, folder: Path) -> None:
        self.trace = folder / "trace"
        self.program = folder / "program"
        self.write(self.program)
        self.root = builder.small_release(folder / "prefix", "2026.8.0")
        for part in ("bin/polaris-parsl", "overlay/bin/python", "tools/bin/python"):
            (self.root / part).parent.chmod(0o755)
            self.write(self.root / part)
        self.receipt = self.root / "receipt.json"
        data = json.loads(self.receipt.read_bytes())
        # whoever swaps a program can also say so in the receipt
        for name in data["files"]:
            data["files"][name] = digest(self.root / name)
        data["base"]["executable"] = str(self.program)
        data["base"]["prefix"] = str(folder)
        keys = ("implementation", "version", "build", "soabi", "cache_tag", "platform", "libc")
        data["base"]["interpreter"] = dict.fromkeys(keys, "3.12")
        # an old name of a Python below the prefix is asked when the executable is gone
        (folder / "bin").mkdir()
        self.write(folder / "bin/python")
        self.receipt.chmod(0o644)
        self.receipt.write_text(json.dumps(data))
        self.venv = folder / "environment"
        packages = self.venv / "lib/python3.12/site-packages"
        packages.mkdir(parents=True)
        (self.venv / "bin").mkdir()
        (self.venv / "pyvenv.cfg").write_text("")
        self.write(self.venv / "bin/python")
        (packages / LINK).write_text(f"{self.root}/overlay/lib/python3.12/site-packages\n")

    def write(self, place: Path) -> None:
        """A program that leaves the trace."""
        place.unlink(missing_ok=True)
        place.write_text(f"#!/bin/sh\ntouch '{self.trace}'\n")
        place.chmod(0o755)


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hostile:
    found = Hostile(tmp_path)
    # Lmod would run the modulefile; whatever it is, it is not asked
    monkeypatch.setenv("LMOD_CMD", str(found.program))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("POLARIS_PARSL_ROOT", raising=False)
    return found


def call(
    *words: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """Exit code and words of the command."""
    monkeypatch.setattr(sys, "argv", ["polaris-parsl", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main.main()
    return int(ended.value.code or 0), "".join(capsys.readouterr())


@pytest.mark.parametrize("is_gone", [False, True], ids=["a base", "a base that is gone"])
@pytest.mark.parametrize(
    "words",
    [
        ["verify", "--root", "ROOT"],
        ["verify", "--root", "ROOT", "--files"],
        ["doctor", "--root", "ROOT"],
        ["verify", "VENV"],
        ["verify", "VENV", "--files"],
    ],
    ids=" ".join,
)
def test_nothing_of_an_install_that_is_only_named_is_started(
    words: list[str],
    is_gone: bool,
    hostile: Hostile,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = {"ROOT": hostile.root, "VENV": hostile.venv}
    if is_gone:
        hostile.program.unlink()
    _, said = call(
        *(places.get(word, word) for word in words), monkeypatch=monkeypatch, capsys=capsys
    )
    assert not hostile.trace.exists()
    # after a base that is gone, the doctor passes the rest over
    assert "nothing of it is started" in said or (is_gone and words[0] == "doctor")
    assert (f"the Python of the base is gone: there is no {hostile.program}" in said) == is_gone


def test_the_python_that_the_user_names_is_compared_with(
    hostile: Hostile, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["verify", "--root", hostile.root, "--base", sys.executable]
    code, said = call(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert code == 12
    assert f"belongs to the prefix {sys.prefix}; it was {hostile.trace.parent}" in said
    assert not hostile.trace.exists()


@pytest.mark.parametrize("verb", ["verify", "doctor"])
def test_an_install_that_is_loaded_is_looked_at_whole(
    verb: str, hostile: Hostile, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The test above can fail: the programs do leave their trace."""
    monkeypatch.setenv("POLARIS_PARSL_ROOT", os.fspath(hostile.root))
    call(verb, "--root", hostile.root, monkeypatch=monkeypatch, capsys=capsys)
    assert hostile.trace.exists()
