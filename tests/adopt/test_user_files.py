"""`adopt`, as it is called, on files as users bring them: exit code, call and findings."""

import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import polaris_parsl
from polaris_parsl.cli.adopt import adopt
from polaris_parsl.errors import AdoptError
from published.building import pretended

FOUND = tomllib.loads(Path(__file__).with_name("user_files.toml").read_text())
RUNS: list[dict[str, Any]] = FOUND["runs"]


def name_of(run: dict[str, Any]) -> str:
    return " ".join(
        [run["file"], *run.get("given", ()), *run.get("arguments", ()), *run.get("environment", ())]
    )


@pytest.mark.parametrize("run", RUNS, ids=name_of)
def test_a_file_of_a_user_becomes_a_call_that_config_takes_or_is_refused_by_its_kind(
    run: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / run["file"]
    file.write_text(FOUND["texts"][run["file"]])
    for variable, value in run.get("environment", {}).items():
        monkeypatch.setenv(variable, value)
    arguments = run.get("arguments", [])
    monkeypatch.setattr(sys, "argv", ["polaris-parsl", "adopt", str(file), "--", *arguments])
    words = [*run.get("given", []), *arguments]
    if "refusal" in run:
        with pytest.raises(AdoptError) as refused:
            adopt(file, words)
        assert run["refusal"] in str(refused.value)
        assert refused.value.exit_code == 13
        assert capsys.readouterr().out == ""
        return
    adopt(file, words)
    printed = capsys.readouterr()
    seen: dict[str, Any] = {}
    namespace: dict[str, Any] = {}
    monkeypatch.setattr(polaris_parsl, "config", lambda **options: seen.update(options))
    exec(printed.out, namespace)  # noqa: S102 (it is what a user would run)
    monkeypatch.undo()
    assert {name: seen.get(name) for name in run["call"]} == run["call"]
    assert not seen.keys() & set(run.get("without", ()))
    assert [each for each in run.get("findings", ()) if each not in printed.err] == []
    assert [each for each in run.get("no_findings", ()) if each in printed.err] == []
    with pretended(0):
        assert polaris_parsl.config(**seen).executors
