"""The command of an install, and that of a source tree: which verbs they offer, and completion."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import builder
import traces
from polaris_parsl.cli.table import PANELS, Verb
from polaris_parsl.errors import ExitCode

VERBS = [verb for verbs in PANELS.values() for verb in verbs]
NEED_SOURCE = {verb.name for verb in VERBS if verb.needs_source}

# Each verb in a process that has imported what all have in common, and no other verb.
HELP = """\
import json, os, sys
from polaris_parsl.cli.main import main
answers = {}
for verb in sys.argv[1:]:
    reading, writing = os.pipe()
    if not (child := os.fork()):
        os.dup2(writing, 1), os.dup2(writing, 2), os.close(writing)
        sys.argv[1:] = [verb, "--help"]
        main()
    os.close(writing)
    with open(reading) as stream:
        printed = stream.read()
    answers[verb] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), printed
print(json.dumps(answers))
"""

# How each shell is asked what it would offer after "polaris-parsl ver".
BASH = """\
eval "$(_POLARIS_PARSL_COMPLETE=source_bash polaris-parsl)"
COMP_WORDS=(polaris-parsl ver) COMP_CWORD=1
_polaris_parsl_completion polaris-parsl
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = """\
_POLARIS_PARSL_COMPLETE=source_fish polaris-parsl | source
complete --do-complete 'polaris-parsl ver'
"""
# compdef and _arguments work within the line editor only: what the script has defined is called
ZSH = """\
compdef() { print -r -- "compdef $*" }
_describe() { print -rl -- ${(P)2%%:*} }
_arguments() { eval "${1#\\*: :}"; print -r -- "$*" }
eval "$(_POLARIS_PARSL_COMPLETE=source_zsh polaris-parsl)"
words=(polaris-parsl ver) CURRENT=2
_polaris_parsl_completion
"""


@pytest.fixture
def call(install: Any, tmp_path: Path) -> Any:
    """Runs the command of an install, with nothing but it and the system on PATH."""
    env = {"PATH": f"{install.root}/bin:/usr/bin:/bin", "HOME": str(tmp_path), "COLUMNS": "120"}

    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return builder.run(*words, env=env)

    return run


def test_an_install_lists_the_verbs_that_work_in_it(call: Any) -> None:
    printed = call("polaris-parsl", "--help").stdout
    offered = {verb.name for verb in VERBS if f"\n  {verb.name} " in printed}
    assert offered == {verb.name for verb in VERBS} - NEED_SOURCE


def test_a_source_tree_lists_all_verbs(env: dict[str, str]) -> None:
    command = builder.command(builder.REPOSITORY, "--help")
    printed = builder.run(*command, env={**env, "COLUMNS": "120"}).stdout
    assert {verb.name for verb in VERBS if f"\n  {verb.name} " in printed} == {
        verb.name for verb in VERBS
    }


@pytest.fixture(scope="module")
def answers(install: Any) -> dict[str, tuple[int, str]]:
    """Exit code and output of each verb with --help, by the tools of an install."""
    python = install.root / "tools/bin/python"
    done = builder.run(python, "-I", "-c", HELP, *(verb.name for verb in VERBS), env=install.env)
    found: dict[str, tuple[int, str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_the_tools_of_an_install_have_what_a_verb_imports(
    answers: dict[str, tuple[int, str]], verb: Verb
) -> None:
    code, printed = answers[verb.name]
    assert code == 0, printed
    assert f"Usage: polaris-parsl {verb.name}" in printed


# Ceilings, a fifth above what was counted; Python itself makes a hundred at its start.
@pytest.mark.parametrize(("verb", "most"), [("--help", 300), ("version", 300), ("list", 600)])
def test_what_is_asked_most_makes_few_path_calls(
    install: Any, tmp_path: Path, verb: str, most: int
) -> None:
    traces.need()
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    command = install.root / "bin/polaris-parsl"
    assert traces.calls(command, verb, env=env, trace=tmp_path / "trace") <= most


@pytest.mark.parametrize(
    "words", [["install", "--prefix", "/nowhere"], ["wheelhouse", "/nowhere"], ["lock", "--check"]]
)
def test_a_verb_that_needs_a_source_tree_says_where_to_run_it(call: Any, words: list[str]) -> None:
    done = call("polaris-parsl", *words)
    assert (done.returncode, done.stdout) == (ExitCode.TOOL, "")
    assert f"error: `polaris-parsl {words[0]}` needs the source tree" in done.stderr
    assert f"fix: run it in the source tree: python3 scripts/bootstrap.py {words[0]}" in done.stderr


@pytest.mark.parametrize(
    ("shell", "options", "script"),
    [("bash", ["--norc"], BASH), ("fish", ["--no-config"], FISH), ("zsh", ["-f"], ZSH)],
)
def test_a_shell_completes_the_verbs_of_an_install(
    call: Any, shell: str, options: list[str], script: str
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    done = call(shell, *options, "-c", script)
    assert "verify" in done.stdout, done.stderr
    assert "version" in done.stdout
    assert "venv" not in done.stdout
