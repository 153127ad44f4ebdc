"""`polaris-parsl kernel`: kernels that a real jupyter_client starts, and what is refused."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import builder
from polaris_parsl.env.user.jupyter import kernel_folder, kernels_folder
from polaris_parsl.env.user.venv import make_venv, plan_venv
from polaris_parsl.errors import MissingToolError, OptionError, PrefixError

NOTEBOOK = Path(__file__).with_name("notebook.py")


@pytest.fixture
def user(jupyter_install: Any, tmp_path: Path) -> dict[str, str]:
    """The environment of a user, whose home has a blank in its path."""
    home = tmp_path / "my home"
    home.mkdir()
    return {**jupyter_install.env, "HOME": str(home), "TOKEN": str(tmp_path)}


def kernel(
    install: Any, user: dict[str, str], *options: object, lmod: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command of an install, in a shell with Lmod where that is given."""
    start = f". {lmod}; " if lmod else ""
    script = f'{start}exec "$0" kernel "$@"'
    program = install.root / "bin" / "polaris-parsl"
    return builder.run("bash", "--norc", "-c", script, program, *options, env=user)


def notebook(name: str, user: dict[str, str], *options: str) -> Any:
    env = {**user, "PYTHONHOME": sys.base_prefix}
    done = builder.run(sys.executable, NOTEBOOK, name, *options, env=env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def living(token: str) -> list[str]:
    """Command lines of the processes whose environment holds a text."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if token.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it has ended meanwhile
    return found


def left(token: str) -> list[str]:
    """The same of those that stay; what was killed needs a moment to end."""
    latest = time.monotonic() + 120
    while (found := living(token)) and time.monotonic() < latest:
        time.sleep(0.05)
    return found


def test_a_kernel_of_the_install_starts_through_the_module(
    jupyter_install: Any, user: dict[str, str], lmod: Path
) -> None:
    shown = kernel(jupyter_install, user, "--dry-run", lmod=lmod)
    assert "would install the kernel" in shown.stdout, shown.stderr
    assert list(Path(user["HOME"]).rglob("kernel.json")) == []
    made = kernel(jupyter_install, user, lmod=lmod)
    release = jupyter_install.root.name
    assert f"installed the kernel polaris-parsl-{release} in {user['HOME']}/.local" in made.stdout
    assert f"starts: through the module polaris-parsl/{release} of" in made.stdout

    seen = notebook(f"polaris-parsl-{release}", user)
    overlay = jupyter_install.root / "overlay"
    for look in (seen["first"], seen["restarted"]):
        assert look["executable"] == str(overlay / "bin" / "python")
        assert all(Path(place).is_relative_to(overlay) for place in look["places"])
        assert look["variables"] == {
            "POLARIS_PARSL_MODULE": f"polaris-parsl/{release}",
            "CUDA_HOME": "/soft/cuda",
            "VIRTUAL_ENV": None,
            "PYTHONNOUSERSITE": "1",
            "PYTHONHOME": None,
            "TOKEN": user["TOKEN"],
        }
    assert (seen["first"]["remembers"], seen["again"]["remembers"]) == (False, True)
    assert seen["interrupted"] == "KeyboardInterrupt"
    assert seen["restarted"]["remembers"] is False
    assert seen["restarted"]["pid"] != seen["first"]["pid"]
    assert left(user["TOKEN"]) == []

    removed = kernel(jupyter_install, user, "--remove")
    assert removed.returncode == 0, removed.stderr
    assert not (Path(user["HOME"]) / ".local" / "share" / "jupyter").exists()


@pytest.mark.parametrize("has_lmod", [True, False])
def test_a_kernel_of_an_environment_runs_its_interpreter(
    jupyter_install: Any, user: dict[str, str], lmod: Path, tmp_path: Path, has_lmod: bool
) -> None:
    plan = plan_venv(tmp_path / "My Environment", jupyter_install.root, env=os.environ)
    make_venv(plan, env=os.environ)
    options = ["--venv", plan.folder, "--prefix", tmp_path / "a server"]
    made = kernel(jupyter_install, user, *options, lmod=lmod if has_lmod else None)
    assert "installed the kernel my-environment" in made.stdout, made.stderr
    how = (
        "through the module"
        if has_lmod
        else "by the interpreter alone, not the module: there is no module system"
    )
    assert f"starts: {how}" in made.stdout
    found = {**user, "JUPYTER_PATH": str(tmp_path / "a server" / "share" / "jupyter")}
    seen = notebook("my-environment", found, "--look")
    assert seen["first"]["executable"] == str(plan.python)
    assert seen["first"]["path"][0] == str(plan.python.parent)
    variables = seen["first"]["variables"]
    assert variables["VIRTUAL_ENV"] == str(plan.folder)
    assert variables["PYTHONNOUSERSITE"] == "1"
    assert variables["CUDA_HOME"] == ("/soft/cuda" if has_lmod else None)
    assert left(user["TOKEN"]) == []
    kernel(jupyter_install, user, "--remove", *options)
    assert list((tmp_path / "a server").rglob("*")) == [tmp_path / "a server" / "share"]


def test_a_kernel_whose_module_is_gone_says_so(
    jupyter_install: Any, user: dict[str, str], lmod: Path
) -> None:
    kernel(jupyter_install, user, lmod=lmod)
    (start,) = Path(user["HOME"]).rglob("start")
    moved = start.read_text().replace(str(jupyter_install.prefix), "/nowhere")
    done = builder.run("bash", "-c", moved, "start", "-f", "/nowhere/connection", env=user)
    assert done.returncode == 1
    assert "cannot load the module polaris-parsl/" in done.stderr
    assert "\n  fix: " in done.stderr


def test_a_python_without_ipykernel_is_refused_with_the_way_to_get_it(
    conda_install: Any, env: dict[str, str]
) -> None:
    done = kernel(conda_install, env)
    assert done.returncode == MissingToolError.exit_code
    assert "cannot run a kernel: ModuleNotFoundError: No module named 'ipykernel'" in done.stderr
    assert "polaris-parsl venv DIR; DIR/bin/pip install ipykernel" in done.stderr
    assert list(Path(env["HOME"]).iterdir()) == []


def test_a_kernel_of_others_is_neither_replaced_nor_removed(
    jupyter_install: Any, user: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "share" / "jupyter" / "kernels" / "python3"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text("{}")
    options = ["--prefix", tmp_path, "--name", "python3"]
    for more in ([], ["--remove"], ["--dry-run"], ["--remove", "--dry-run"]):
        done = kernel(jupyter_install, user, *options, *more)
        assert done.returncode == PrefixError.exit_code
        assert "is a kernel that polaris-parsl did not make" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["kernel.json"]
    done = kernel(jupyter_install, user, "--remove", "--prefix", tmp_path)
    assert done.returncode == PrefixError.exit_code
    assert "there is no kernel" in done.stderr


def test_the_kernel_is_named_after_the_install_or_the_environment() -> None:
    root, kernels = Path("/prefix/versions/2026.11.0-mep"), Path("/kernels")
    folder = kernel_folder(kernels, None, root, None)
    assert folder == kernels / "polaris-parsl-2026.11.0-mep"
    assert kernel_folder(kernels, None, root, Path("/My  Own!")).name == "my-own-"
    assert kernel_folder(kernels, "mine", root, Path("/other")).name == "mine"
    for name in ("..", "a/b", "Mine", "a b", ""):
        with pytest.raises(OptionError, match="is not a name for a kernel"):
            kernel_folder(kernels, name or ".", root, None)


def test_kernels_lie_where_jupyter_looks(tmp_path: Path) -> None:
    home = {"HOME": "/home/you"}
    assert kernels_folder(None, home) == Path("/home/you/.local/share/jupyter/kernels")
    assert kernels_folder(None, {**home, "XDG_DATA_HOME": "/x"}) == Path("/x/jupyter/kernels")
    assert kernels_folder(None, {**home, "JUPYTER_DATA_DIR": "/d"}) == Path("/d/kernels")
    assert kernels_folder(tmp_path, home) == tmp_path / "share" / "jupyter" / "kernels"
