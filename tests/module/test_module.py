"""The module of a real install, in the real Lmod."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.version import VERSION

Shell = Callable[..., "subprocess.CompletedProcess[str]"]

# It does what ALCF's own conda module does that matters here: PATH without conda's python,
# a family, and a variable with CONDA in its name.
_CONDA = """\
family("python")
setenv("CONDA_EXE", "/soft/conda/bin/conda")
prepend_path("PATH", "/soft/conda/condabin")
"""


def use(install: Any) -> str:
    return f"module use '{install.prefix}/modulefiles'"


@pytest.fixture
def conda_tree(tmp_path: Path) -> Path:
    """A module tree with the conda module that conda_install stands on."""
    path = tmp_path / "soft" / "conda" / "2025-09-25.lua"
    path.parent.mkdir(parents=True)
    path.write_text(_CONDA)
    return path.parents[1]


def test_loading_gives_python_the_command_and_parallel(install: Any, shell: Shell) -> None:
    code = (
        f"{use(install)}; module load polaris-parsl; command -v python polaris-parsl parallel; "
        "python -c 'import polaris_parsl, parsl, sys; print(sys.prefix)'; polaris-parsl version"
    )
    done = shell(code)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f"{install.root}/overlay/bin/python",
        f"{install.root}/bin/polaris-parsl",
        *([f"{install.root}/bin/parallel"] if shutil.which("parallel", path="/usr/bin") else []),
        f"{install.root}/overlay",
        VERSION,
    ]


def test_loading_names_the_install_for_worker_init(install: Any, shell: Shell) -> None:
    done = shell(f"{use(install)}; module load polaris-parsl; env | grep ^POLARIS_PARSL_ | sort")
    assert done.stdout.splitlines() == [
        f"POLARIS_PARSL_MODULE=polaris-parsl/{VERSION}",
        f"POLARIS_PARSL_MODULEPATH={install.prefix}/modulefiles",
        f"POLARIS_PARSL_ROOT={install.root}",
        f"POLARIS_PARSL_VERSION={VERSION}",
    ]


@pytest.mark.parametrize("settings", [{}, {"PYTHONNOUSERSITE": "mine", "PATH": "/bin:/usr/bin:/x"}])
def test_unloading_leaves_the_environment_as_it_was(
    settings: dict[str, str], install: Any, shell: Shell, tmp_path: Path
) -> None:
    # Lmod's own bookkeeping, which it keeps as long as the shell lives
    volatile = "grep -zv -e ^_= -e ^_ModuleTable -e ^__LMOD_ -e ^_LMFILES_ -e ^LOADEDMODULES"
    code = (
        f"{use(install)}; env -0 | {volatile} | sort -z >before; module load polaris-parsl; "
        f"module unload polaris-parsl; env -0 | {volatile} | sort -z >after; "
        "tr '\\0' '\\n' <before >b; tr '\\0' '\\n' <after >a; diff b a"
    )
    done = shell(f"cd '{tmp_path}'; {code}", **settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "before").stat().st_size > 100


def test_loading_twice_changes_nothing_more(install: Any, shell: Shell) -> None:
    load = "module load polaris-parsl; echo $PATH"
    done = shell(f"{use(install)}; {load}; {load}")
    first, second = done.stdout.splitlines()
    assert first == second


def test_loading_works_in_a_strict_shell(install: Any, shell: Shell) -> None:
    code = (
        f"set -euo pipefail; {use(install)}; module load polaris-parsl; module unload polaris-parsl"
    )
    done = shell(f"{code}; echo end")
    assert (done.stdout, done.stderr) == ("end\n", "")


def test_users_find_the_module_by_the_name_of_parsl(install: Any, shell: Shell) -> None:
    done = shell(f"{use(install)}; module spider parsl")
    assert f"polaris-parsl/{VERSION}" in done.stdout + done.stderr
    done = shell(f"{use(install)}; module keyword workflow")
    assert "polaris-parsl" in done.stdout + done.stderr


def test_help_and_whatis_say_what_it_is(install: Any, shell: Shell) -> None:
    done = shell(f"{use(install)}; module help polaris-parsl; module whatis polaris-parsl")
    told = done.stdout + done.stderr
    assert f"Installed in {install.root}" in told
    assert told.count("polaris-parsl/") >= 6
    assert "Description: Parsl" in told


def test_the_version_is_the_default_and_conflicts_with_none(install: Any, shell: Shell) -> None:
    done = shell(f"{use(install)}; module -t avail polaris-parsl")
    assert f"polaris-parsl/{VERSION}" in done.stdout + done.stderr
    modulerc = install.prefix / "modulefiles/polaris-parsl/.modulerc.lua"
    assert f'module_version("polaris-parsl/{VERSION}", "default")' in modulerc.read_text()


def test_a_missing_install_is_named_with_a_remedy(
    install: Any, shell: Shell, tmp_path: Path
) -> None:
    copy = tmp_path / "modulefiles"
    shutil.copytree(install.prefix / "modulefiles", copy)
    path = copy / "polaris-parsl" / f"{VERSION}.lua"
    path.write_text(path.read_text().replace(str(install.root), str(tmp_path / "gone")))
    done = shell(f"module use {copy}; module load polaris-parsl; echo $PATH")
    assert f"cannot read {tmp_path}/gone" in done.stderr
    assert "fix: ask its owner" in done.stderr
    assert "gone" not in done.stdout


def test_the_conda_module_is_loaded_and_goes_with_ours(
    conda_install: Any, conda_tree: Path, shell: Shell
) -> None:
    code = (
        f"module use {conda_tree}; {use(conda_install)}; module load polaris-parsl; "
        "module -t list; command -v python parallel; module unload polaris-parsl; module -t list"
    )
    done = shell(code)
    assert f"{conda_install.root}/overlay/bin/python" in done.stdout
    assert f"{conda_install.root}/bin/parallel" in done.stdout
    assert done.stderr.count("conda/2025-09-25") == 1
    assert "No modules loaded" in done.stderr + done.stdout


def test_a_conda_module_that_was_loaded_before_stays(
    conda_install: Any, conda_tree: Path, shell: Shell
) -> None:
    code = (
        f"module use {conda_tree}; {use(conda_install)}; module load conda; "
        "module load polaris-parsl; module unload polaris-parsl; module -t list"
    )
    assert "conda/2025-09-25" in shell(code).stderr


def test_a_conda_module_that_is_gone_is_named_with_a_remedy(
    conda_install: Any, shell: Shell
) -> None:
    done = shell(f"{use(conda_install)}; module load polaris-parsl; echo $? $PATH")
    assert "needs the module conda/2025-09-25" in done.stderr
    assert "fix: load a newer polaris-parsl" in done.stderr
    assert done.stdout.startswith("1 ")
    assert str(conda_install.root) not in done.stdout


@pytest.mark.parametrize("name", ["install", "conda_install"])
def test_the_files_are_valid_lua_without_unknown_names(
    name: str, request: pytest.FixtureRequest, lmod: Path
) -> None:
    folder = request.getfixturevalue(name).prefix / "modulefiles/polaris-parsl"
    config = Path(__file__).with_name("luacheck.lua")
    for path in (folder / f"{VERSION}.lua", folder / ".modulerc.lua"):
        for command in (["luac", "-p"], ["luacheck", "--no-color", "--config", config]):
            done = subprocess.run([*command, path], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr


def test_the_modulefile_sets_nothing_that_it_must_not(conda_install: Any) -> None:
    text = (conda_install.prefix / f"modulefiles/polaris-parsl/{VERSION}.lua").read_text()
    for word in ("VIRTUAL_ENV", "PYTHONPATH", "family(", "execute", 'setenv("CONDA'):
        assert word not in text
    assert text.startswith(f"-- made by polaris-parsl {VERSION}, locks ")


def test_the_command_speaks_for_the_python_of_the_users_scripts(install: Any, shell: Shell) -> None:
    done = shell(
        f"{use(install)}; module load polaris-parsl; "
        "polaris-parsl script account=datascience address=127.0.0.1 run_dir=/runs"
    )
    assert done.stderr == ""
    assert f"'{install.root}/overlay/bin/python' -P -m parsl.executors" in done.stdout
    assert f"{install.root}/tools" not in done.stdout
