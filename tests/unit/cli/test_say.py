"""Every verb prints through one function, and no text of others reaches the terminal raw."""

import ast
import json
import sys
from pathlib import Path

import pytest

import builder
from polaris_parsl import cli
from polaris_parsl.cli import main

ESCAPES = "\x1b[2J\x9b1m\u202e"
FOLDER = Path(cli.__file__).parent


def test_no_verb_prints_past_the_function_that_does() -> None:
    for path in FOLDER.glob("*.py"):
        calls = [
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
        ]
        names = {ast.unparse(call.func) for call in calls}
        printing = {"print", "sys.stdout.write", "sys.stderr.write", "typer.echo", "typer.secho"}
        assert not names & printing or path.name == "say.py", path
        assert ("console.print" in names) == (path.name == "progress.py")


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """A prefix in which a member of its group has put escapes wherever there is text."""
    place = tmp_path / "prefix"
    root = builder.small_release(place, "2026.8.0")
    builder.small_release(place, f"2026.9.0-{ESCAPES}")
    (place / "state").mkdir()
    receipt = root / "receipt.json"
    data = json.loads(receipt.read_bytes())
    data["base"]["module"] = {"name": f"conda/{ESCAPES}", "file": None}
    data["base"]["executable"] = f"/nowhere/{ESCAPES}"
    data["files"][ESCAPES] = ESCAPES
    receipt.chmod(0o644)
    receipt.write_text(json.dumps(data))
    state = {
        "format": 1, "change": f"default {ESCAPES}", "by": ESCAPES, "at": ESCAPES,
        "default": "2026.8.0", "withdrawn": [ESCAPES],
        "deprecated": {"2026.8.0": {"until": "2999-12-31", "because": f"{ESCAPES}\nall is well"}},
    }  # fmt: skip
    (place / "state/00000001.json").write_text(json.dumps(state))
    return place


@pytest.mark.parametrize(
    "words",
    [
        ["list", "--prefix", "PREFIX"],
        ["list", "--prefix", "PREFIX", "--json"],
        ["audit", "--prefix", "PREFIX"],
        ["verify", "--root", "PREFIX/versions/2026.8.0"],
        ["doctor", "--root", "PREFIX/versions/2026.8.0"],
        ["--debug", "verify", "--root", "PREFIX/versions/2026.8.0"],
        ["rollback", "--prefix", "PREFIX", "--dry-run"],
        ["repair", "--prefix", "PREFIX", "--dry-run"],
        ["default", "--prefix", "PREFIX", ESCAPES],
        ["remove", "--prefix", "PREFIX", ESCAPES, "--dry-run"],
        ["verify", f"PREFIX/{ESCAPES}"],
        ["adopt", f"PREFIX/{ESCAPES}"],
        ["explain", f"label={ESCAPES}"],
    ],
    ids=" ".join,
)
def test_escapes_of_others_are_written_out(
    words: list[str],
    prefix: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [word.replace("PREFIX", str(prefix)) for word in words]
    monkeypatch.setattr(sys, "argv", ["polaris-parsl", *words])
    with pytest.raises(SystemExit):
        main.main()
    printed = "".join(capsys.readouterr())
    assert printed
    assert all(each.isprintable() or each in "\n\t" for each in printed), repr(printed)
    if words[0] == "list" and "--json" not in words:
        assert not any(line.startswith("all is well") for line in printed.splitlines())


def test_a_name_in_a_file_of_options_is_written_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "polaris-parsl.toml").write_text('"\\u001b[2J" = 1\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["polaris-parsl", "explain"])
    with pytest.raises(SystemExit):
        main.main()
    assert r"\x1b[2J is not an option" in capsys.readouterr().err
