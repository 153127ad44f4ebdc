"""What docs/configuration.md shows of commands is what they print."""

import re
import socket
from pathlib import Path

import pytest

import polaris_parsl
from polaris_parsl.cli.script import script
from polaris_parsl.driver import PROXIES

DOCUMENT = Path(__file__).parents[3] / "docs" / "configuration.md"
INTERFACES = {"lo": "127.0.0.1", "hsn0": "10.77.0.2", "bond0": "10.78.0.2"}
PLACE = "/eagle/datascience/run"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project as in the document, on a node like the sandbox's."""
    proxies = [word for name in PROXIES for word in (name, name.upper())]
    for name in ("PBS_JOBID", "PBS_NODEFILE", "POLARIS_PARSL_ADDRESS", *proxies):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("POLARIS_PARSL_SANDBOX", str(tmp_path))
    monkeypatch.setattr(socket, "if_nameindex", lambda: list(enumerate(INTERFACES, 1)))
    monkeypatch.setattr(
        "polaris_parsl.configuration.addresses.address_by_interface", INTERFACES.__getitem__
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "polaris-parsl.toml").write_text(toml := block("toml"))
    assert "account" in toml
    return tmp_path


def block(kind: str, command: str = "") -> str:
    """The code block of the document that begins with a command, without it."""
    blocks = re.findall(rf"```{kind}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    (found,) = (text for text in blocks if text.startswith(command))
    return str(found.removeprefix(command))


def test_explain_prints_every_line_of_the_document(folder: Path) -> None:
    text = str(polaris_parsl.explain(nodes_per_block=3, walltime="0:30:00"))
    printed = text.replace(str(folder), PLACE).splitlines()
    shown = block("console", "$ polaris-parsl explain nodes_per_block=3 walltime=0:30:00\n")
    assert len(shown.splitlines()) > 30
    assert [line for line in shown.splitlines() if line not in printed] == []


def unlike_between_runs(text: str) -> str:
    """Without the time in names, the interpreter, and the order of addresses, which is any."""
    text = re.sub(r"block-0\.[\d.]+", "block-0.TIME", text)
    text = re.sub(r"\S+/bin/python", "PYTHON", text)
    return text.replace("10.78.0.2,10.77.0.2", "10.77.0.2,10.78.0.2")


def test_script_prints_every_line_of_the_document(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script(["nodes_per_block=3", "walltime=0:30:00"])
    printed = unlike_between_runs(capsys.readouterr().out.replace(str(folder), PLACE))
    shown = block("console", "$ polaris-parsl script nodes_per_block=3 walltime=0:30:00\n")
    lines = unlike_between_runs(shown).splitlines()
    assert len(lines) > 15
    for line in lines:
        parts = [re.escape(part) for part in line.split("...")]
        assert re.search(f"^{'.*'.join(parts)}$", printed, re.MULTILINE), line
    assert sorted(each.name for each in folder.iterdir()) == ["polaris-parsl.toml"]
