"""The modules of real installs, in each Lmod; test_lmod.py has what needs no real install."""

import shutil
from collections.abc import Callable
from shlex import quote
from typing import Any

import pytest

from code_blocks import block
from polaris_parsl.version import VERSION

Shell = Callable[..., Any]
# what the documents call it
TREE = "/eagle/PROJECT/polaris-parsl/modulefiles"


def use(install: Any) -> str:
    return f"module use '{install.prefix}/modulefiles'"


@pytest.mark.parametrize("document", ["README.md", "docs/modules.md"])
def test_the_lines_of_the_documents_give_python_the_command_and_parallel(
    document: str, install: Any, shell: Shell
) -> None:
    tree = f"{install.prefix}/modulefiles"
    lines = block(document, "module use /eagle").text.replace(TREE, quote(tree))
    assert tree in lines
    done = shell(
        f"{lines}command -v python polaris-parsl parallel; "
        "python -c 'import polaris_parsl, parsl, sys; print(sys.prefix)'; polaris-parsl version"
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f"{install.root}/overlay/bin/python",
        f"{install.root}/bin/polaris-parsl",
        *([f"{install.root}/bin/parallel"] if shutil.which("parallel", path="/usr/bin") else []),
        f"{install.root}/overlay",
        VERSION,
    ]


def test_source_activate_does_not_find_a_script_of_ours(install: Any, shell: Shell) -> None:
    done = shell(f"{use(install)}; module load polaris-parsl; type -P activate")
    assert done.stdout == ""
    assert list((install.root / "overlay/bin").glob("activate*")) == []


def test_environment_modules_gives_the_same(install: Any, tcl_shell: Shell) -> None:
    code = (
        "module load polaris-parsl; command -v parallel; polaris-parsl version; "
        "python -c 'import polaris_parsl, parsl, sys; print(sys.prefix)'"
    )
    done = tcl_shell(f"module use '{install.prefix}/modulefiles-tcl'; {code}")
    assert done.stderr == ""
    assert done.stdout.splitlines()[-2:] == [VERSION, f"{install.root}/overlay"]


def test_loading_names_the_install_for_worker_init(install: Any, shell: Shell) -> None:
    done = shell(f"{use(install)}; module load polaris-parsl; env | grep ^POLARIS_PARSL_ | sort")
    assert done.stdout.splitlines() == [
        f"POLARIS_PARSL_MODULE=polaris-parsl/{VERSION}",
        f"POLARIS_PARSL_MODULEPATH={install.prefix}/modulefiles",
        f"POLARIS_PARSL_ROOT={install.root}",
        f"POLARIS_PARSL_VERSION={VERSION}",
    ]


def test_unloading_leaves_the_environment_as_it_was(
    install: Any, shell: Shell, environments: Callable[[str], dict[str, str]]
) -> None:
    code = "env -0 >before; module load polaris-parsl; module unload polaris-parsl; env -0 >after"
    done = shell(f"{use(install)}; {code}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert environments("after") == environments("before")


def test_the_conda_module_is_loaded_and_goes_with_ours(
    conda_install: Any, place: Any, shell: Shell
) -> None:
    code = (
        f"module use '{place.site_tree}'; {use(conda_install)}; module load polaris-parsl; "
        "module -t list; command -v python parallel; module unload polaris-parsl; module -t list"
    )
    done = shell(code)
    assert f"{conda_install.root}/overlay/bin/python" in done.stdout
    assert f"{conda_install.root}/bin/parallel" in done.stdout
    assert done.stderr.count("conda/2025-09-25") == 1
    assert "No modules loaded" in done.stderr + done.stdout


def test_the_modulefile_sets_nothing_that_it_must_not(conda_install: Any) -> None:
    text = (conda_install.prefix / f"modulefiles/polaris-parsl/{VERSION}.lua").read_text()
    for word in (
        'setenv("VIRTUAL_ENV',
        'pushenv("VIRTUAL_ENV',
        '_path("PYTHONPATH',
        "family(",
        'setenv("CONDA',
    ):
        assert word not in text
    # the one thing that a shell runs: it reads its completions, and not in a job
    (run,) = [line for line in text.splitlines() if "execute" in line]
    assert (
        run.strip() == """execute({ cmd = "source '" .. completion .. "'", modeA = { "load" } })"""
    )
    assert text.startswith(f"-- made by polaris-parsl {VERSION}, locks ")


def test_the_command_speaks_for_the_python_of_the_users_scripts(install: Any, shell: Shell) -> None:
    done = shell(
        f"{use(install)}; module load polaris-parsl; "
        "polaris-parsl script account=datascience address=10.140.56.1 run_dir=/runs"
    )
    assert done.stderr == ""
    assert f"'{install.root}/overlay/bin/python' -P -m polaris_parsl." in done.stdout
    assert f"{install.root}/tools" not in done.stdout
