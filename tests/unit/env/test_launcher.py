import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import polaris_parsl
from polaris_parsl.env.installer.launcher import render_launcher

OURS = f"3.{sys.version_info.minor}"


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """The launcher of an install whose tools are those of the tests."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "tools/bin").mkdir(parents=True)
    (tmp_path / "tools/bin/python").symlink_to(sys.executable)
    for name, packages in (
        ("overlay", Path(polaris_parsl.__file__).parents[1]),
        ("tools", Path(sysconfig.get_path("purelib"))),
    ):
        (tmp_path / name / f"lib/python{OURS}").mkdir(parents=True)
        (tmp_path / name / f"lib/python{OURS}/site-packages").symlink_to(packages)
    path = tmp_path / "bin/polaris-parsl"
    write(path, OURS)
    return path


def write(path: Path, minor: str) -> None:
    base = "CPython '3' of $HOME"
    text = render_launcher(version="1.0", minor=minor, base=base, broken=12, problems=20)
    path.write_text(text)
    path.chmod(0o755)


def start(path: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([path, "version"], capture_output=True, text=True, check=False)


def test_it_is_clean_shell(command: Path) -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    # SC2016: a value with a dollar in it shall not expand
    words = [str(shellcheck), "--exclude=SC2016", str(command)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_python_of_another_minor_is_named_in_place_of_a_traceback(command: Path) -> None:
    write(command, "3.4")
    done = start(command)
    assert (done.returncode, done.stdout) == (12, "")
    assert f"is Python {OURS}; it was built on CPython '3' of $HOME\n" in done.stderr
    assert f'doctor --root "{command.parents[1]}"\n' in done.stderr


@pytest.mark.parametrize("content", [None, "", "#!/bin/sh\nexit 1\n", "#!/bin/sh\necho Python\n"])
def test_a_python_that_is_gone_or_does_not_start_is_named(
    content: str | None, command: Path
) -> None:
    python = command.parents[1] / "tools/bin/python"
    python.unlink()
    if content is not None:
        python.write_text(content)
        python.chmod(0o755)
    done = start(command)
    assert done.returncode == 12
    message = (
        "the Python of this install, is"
        if content is not None
        else f"damaged: there is no {python}"
    )
    assert message in done.stderr
    assert f'polaris-parsl doctor --root "{command.parents[1]}"' in done.stderr


@pytest.mark.parametrize(
    ("words", "starts", "code"),
    [
        (["version"], 1, 0),
        (["--help"], 1, 0),
        (["list", "--prefix", "/"], 1, 0),
        (["list", "--prefix", "/nowhere"], 1, 6),
        (["list", "--nothing"], 1, 2),
        (["nothing"], 2, 2),
    ],
)
def test_python_starts_once_for_what_ends_at_once(
    words: list[str], starts: int, code: int, command: Path, tmp_path: Path
) -> None:
    python, log = command.parents[1] / "tools/bin/python", tmp_path / "starts"
    python.unlink()
    python.write_text(f'#!/bin/sh\necho >>"{log}"\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    done = subprocess.run([command, *words], capture_output=True, text=True, check=False)
    assert (log.read_text().count("\n"), done.returncode) == (starts, code)
    assert bool(done.stdout) == (code == 0)


def test_of_a_base_that_is_gone_the_highest_missing_directory_is_named(command: Path) -> None:
    python = command.parents[1] / "tools/bin/python"
    python.unlink()
    base = command.parents[1] / "soft/mconda3"
    python.symlink_to(base / "bin/python3.12")
    assert f"the base of this install is gone: there is no {base.parent};" in start(command).stderr


def test_the_doctor_has_its_own_exit_code_there(command: Path) -> None:
    (command.parents[1] / "tools/bin/python").unlink()
    done = subprocess.run([command, "doctor"], capture_output=True, check=False)
    assert done.returncode == 20
