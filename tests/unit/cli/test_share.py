import shutil
import subprocess
from pathlib import Path

import pytest

from polaris_parsl.cli import share
from polaris_parsl.cli.table import PANELS
from polaris_parsl.cli.verbs import command_of
from polaris_parsl.errors import ExitCode
from polaris_parsl.options.table import OPTIONS


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
    assert macros == {".TH", ".SH", ".SS", ".TP", ".B", ".RS", ".RE"}
    assert page.count("\n.RS\n") == page.count("\n.RE\n")
    assert "`" not in page


def test_the_man_page_has_every_option_of_each_verb_and_of_a_configuration(folder: Path) -> None:
    page = (folder / "man/man1/polaris-parsl.1").read_text()
    words = {
        word
        for verbs in PANELS.values()
        for verb in verbs
        for parameter in command_of(verb).params
        if not getattr(parameter, "hidden", False)
        for word in parameter.opts
        if word.startswith("--") and word != "--help"
    }
    assert len(words) > 40
    for word in words:
        assert word.replace("-", "\\-") in page, word
    for name in OPTIONS:
        assert f"\n.B {name}=" in page


def test_groff_reads_the_man_page_without_a_warning(folder: Path) -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not on this machine")
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", folder / "man/man1/polaris-parsl.1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_install_lists_verbs_that_need_a_source_tree_without_options(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(share, "works_here", lambda verb: not verb.needs_source)
    page = share.man_page()
    assert (
        "\n.B wheelhouse\nCollect all that an install needs without a network.\nIn a source" in page
    )
    assert "\\-\\-with\\-base" in page  # of pin


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
