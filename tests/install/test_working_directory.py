"""Nothing is imported from the working directory, in which a stranger may have put modules."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import builder
from polaris_parsl.env.installer.launcher import render_launcher

NAMES = (
    "json", "typer", "rich", "polaris_parsl", "parsl", "pip", "venv", "hashlib", "subprocess", "shutil",
    "tempfile", "pathlib", "logging", "dataclasses", "runpy", "hatchling", "packaging", "sitecustomize",
)  # fmt: skip


class Place:
    """A working directory of a stranger, whose modules leave a trace, and a cache with tools."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.trace = folder / "hostile", folder / "trace"
        self.folder.mkdir()
        for name in NAMES:
            text = f"open({str(self.trace)!r}, 'a').write(__name__ + ' ')\n"
            (self.folder / f"{name}.py").write_text(text)
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.env = {
            "PATH": f"{self.programs}:{builder.PYTHON.parent}:/usr/bin:/bin",
            "HOME": str(folder),
            "XDG_CACHE_HOME": str(folder / "cache"),
            # an empty part of it stands for the working directory
            "PYTHONPATH": ":",
        }

    def run(self, *words: object) -> "subprocess.CompletedProcess[str]":
        """Run a command in the hostile directory."""
        return subprocess.run(
            [str(word) for word in words], cwd=self.folder, env=self.env, check=False,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip

    def refuse_trace(self, done: "subprocess.CompletedProcess[str]") -> None:
        assert not self.trace.exists(), self.trace.read_text()
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def own_python(path: Path) -> None:
    """A program that is the Python of the tests, wherever it lies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    path.chmod(0o755)


@pytest.fixture
def tools(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tools environment that the bootstrap would make, without its downloads."""
    bootstrap = builder.load_bootstrap()
    targets: list[Path] = []
    monkeypatch.setattr(bootstrap, "build", lambda target, _: targets.append(target))
    monkeypatch.setattr(sys, "executable", str(builder.PYTHON))
    monkeypatch.setenv("XDG_CACHE_HOME", place.env["XDG_CACHE_HOME"])
    # the verb `lock` has another
    for verb in ("install", "lock"):
        python = bootstrap.tools_python([verb])
        monkeypatch.undo()
        own_python(python)
        (python.parents[1] / "complete").touch()
        monkeypatch.setattr(bootstrap, "build", lambda target, _: targets.append(target))
        monkeypatch.setattr(sys, "executable", str(builder.PYTHON))
        monkeypatch.setenv("XDG_CACHE_HOME", place.env["XDG_CACHE_HOME"])
    monkeypatch.undo()
    for each in (place.folder.parent / "cache").rglob("*"):
        if each.is_dir():
            each.chmod(0o700)


def test_a_python_that_is_started_carelessly_imports_them(place: Place) -> None:
    """The tests below can fail."""
    place.run("python3", "-c", "import json")
    assert "json" in place.trace.read_text()


VERBS = [
    ["explain", "account=datascience", "address=10.0.0.1"],
    ["queues"],
    ["list", "--prefix", "/"],
    ["adopt", str(builder.REPOSITORY / "tests/adopt/files/good.py")],
    ["--version"],
]


def test_install_sh_and_the_bootstrap_import_nothing_of_it(place: Place, tools: None) -> None:
    scripts = builder.REPOSITORY / "scripts"
    place.refuse_trace(place.run(scripts / "install.sh", "--help"))
    place.refuse_trace(place.run(scripts / "install.sh", "--dry-run", "--help"))
    for words in (*VERBS, ["lock", "--check"]):
        place.refuse_trace(place.run("python3", "-I", scripts / "bootstrap.py", *words))


def test_an_installed_command_imports_nothing_of_it(place: Place, tmp_path: Path) -> None:
    root = tmp_path / "prefix/versions/1"
    own_python(root / "tools/bin/python")
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    text = render_launcher(version="1", minor=minor, base="a base", broken=12, problems=20)
    command = root / "bin/polaris-parsl"
    command.parent.mkdir()
    command.write_text(text)
    command.chmod(0o755)
    for words in VERBS:
        place.refuse_trace(place.run(command, *words))


def copied_scripts(folder: Path) -> Path:
    """A source tree that has the scripts alone, and a bootstrap that imports what they lead to."""
    shutil.copytree(builder.REPOSITORY / "scripts", folder / "scripts")
    (folder / "scripts/system-packages.sh").write_text(
        "need() { :; }\ninstall_missing() { :; }\nlmod=.\n"
    )
    return folder


def test_test_sh_imports_nothing_of_it(place: Place, tmp_path: Path) -> None:
    source = copied_scripts(tmp_path / "source")
    own_python(tmp_path / "tools/bin/python")
    own_python(source / ".venv/bin/python")
    uv = source / ".venv/bin/uv"
    uv.write_text("#!/bin/sh\npwd >&2\n")
    uv.chmod(0o755)
    (source / "scripts/bootstrap.py").write_text(
        f"import json, subprocess, tempfile\nprint({str(tmp_path / 'tools/bin/python')!r})\n"
    )
    place.env["ENVIRONMENT_MODULES_INIT"] = "none"
    done = place.run(source / "scripts/test.sh", "--version")
    place.refuse_trace(done)
    assert str(place.folder) not in done.stderr


def test_demo_sh_imports_nothing_of_it(place: Place, tmp_path: Path) -> None:
    source = copied_scripts(tmp_path / "source")
    (source / "scripts/install.sh").write_text("#!/bin/sh\nexec python3 -c 'import json, typing'\n")
    # what the module would bring
    module = source / "init/bash"
    module.parent.mkdir()
    module.write_text("module() { :; }\n")
    packages = source / "scripts/system-packages.sh"
    packages.write_text(packages.read_text().replace("lmod=.", f"lmod={shlex.quote(str(source))}"))
    command = place.programs / "polaris-parsl"
    command.write_text(
        '#!/bin/sh\npwd\n[ "$1" != init ] || mkdir "$2"\nexec python3 -c \'import json, subprocess\'\n'
    )
    command.chmod(0o755)
    done = place.run(source / "scripts/demo.sh")
    place.refuse_trace(done)
    assert f"{os.path.realpath(source)}/.demo" in done.stdout
