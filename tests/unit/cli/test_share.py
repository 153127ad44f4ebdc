import shutil
import subprocess
from pathlib import Path

import pytest

from polaris_parsl.cli import share
from polaris_parsl.cli.table import PANELS
from polaris_parsl.errors import ExitCode


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("install") / "share"
    share.main(made)
    return made


def test_the_man_page_has_every_verb_and_exit_code(folder: Path) -> None:
    page = (folder / "man/man1/polaris-parsl.1").read_text()
    for verbs in PANELS.values():
        for verb in verbs:
            assert f"\n.B {verb.name}\n" in page
    for code in ExitCode:
        assert f"\n.B {code:d}\n" in page
    # a line that begins with a dot and is no macro would vanish
    macros = {line.split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
    assert macros == {".TH", ".SH", ".SS", ".TP", ".B"}
    assert "`" not in page


@pytest.mark.parametrize("shell", share.SHELLS)
def test_each_shell_can_read_its_completions(shell: str, folder: Path) -> None:
    file = folder / "completions" / shell
    assert "polaris-parsl" in file.read_text()
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not on this machine")
    code = f"set -u; . {file}; echo read"
    if shell == "fish":
        code = f"source {file}; and echo read"
    command = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    done = subprocess.run(
        [shell, *command, "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("read\n", "")
