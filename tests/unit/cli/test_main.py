import os
import subprocess
import sys

import pytest

from polaris_parsl.cli.table import PANELS
from polaris_parsl.errors import ExitCode
from polaris_parsl.version import VERSION


def command(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command as scripts/bootstrap.py does."""
    return subprocess.run(
        [sys.executable, "-m", "polaris_parsl", *words],
        env={**os.environ, "COLUMNS": "120", **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("word", ["--version", "version"])
def test_the_version_is_printed_alone(word: str) -> None:
    done = command(word)
    assert (done.returncode, done.stdout) == (ExitCode.DONE, f"{VERSION}\n")


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        (["--help"], "Usage: polaris-parsl [OPTIONS] COMMAND [ARGS]..."),
        (["list", "--help"], "Usage: polaris-parsl list [OPTIONS]"),
    ],
)
def test_usage_names_the_command_as_it_is_typed(words: list[str], usage: str) -> None:
    done = command(*words)
    assert usage in done.stdout
    assert "python -m" not in done.stdout


def test_a_wrong_command_line_names_the_command_and_the_nearest_verb() -> None:
    done = command("verfy")
    assert done.returncode == ExitCode.USAGE
    assert "Usage: polaris-parsl" in done.stderr
    assert "Did you mean 'verify'?" in done.stderr


def test_help_shows_the_verbs_in_their_panels() -> None:
    done = command("--help")
    places = [done.stdout.index(f"\n{panel}:\n") for panel in PANELS]
    assert places == sorted(places)
    for verbs in PANELS.values():
        for verb in verbs:
            assert f" {verb.name} " in done.stdout
            assert verb.sentence in done.stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("polaris-parsl ver", ["verify", "version"]),
        ("polaris-parsl list --j", ["--json"]),
    ],
)
def test_bash_completes_verbs_and_their_options(typed: str, offered: list[str]) -> None:
    words = typed.split(" ")
    done = command(
        _POLARIS_PARSL_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=str(len(words) - 1)
    )
    assert done.stdout.split() == offered
