"""The module in Environment Modules: the same behaviours from the same values."""

import shutil
from collections.abc import Callable
from shlex import quote
from typing import Any

import pytest

from code_blocks import block

Shell = Callable[..., Any]
Environments = Callable[[str], dict[str, str]]


def test_it_warns_of_what_comes_before_it_and_loads(tcl_place: Any, tcl_shell: Shell) -> None:
    own = {"PYTHONPATH": "/x", "PYTHONHOME": "/y", "VIRTUAL_ENV": "/home/$mine [exit]"}
    done = tcl_shell(f"{tcl_place.use}; module load polaris-parsl; python", **own)
    assert done.stdout.splitlines()[-1] == "python of conda/2025-09-25"
    for text in ("PYTHONPATH is set", "PYTHONHOME is set", "off PATH: /home/$mine [exit]"):
        assert text in done.stderr
    job = tcl_shell(
        f"{tcl_place.use}; module load polaris-parsl", **own, PBS_ENVIRONMENT="PBS_BATCH"
    )
    assert "off PATH" not in job.stderr


def test_loading_gives_python_command_and_the_settings_of_the_base(
    tcl_place: Any, tcl_shell: Shell
) -> None:
    lines = block("docs/modules.md", "module use /shared").text
    code = lines.replace("/shared/polaris-parsl", quote(str(tcl_place.prefix)))
    code += "echo $?; command -v python polaris-parsl; python"
    shown = "echo $CUDA_HOME; env | grep ^POLARIS_PARSL | sort"
    done = tcl_shell(f"{code}; {shown}")
    root = tcl_place.root("1.0")
    assert done.stdout.splitlines() == [
        "0",
        f"{root}/overlay/bin/python",
        f"{root}/bin/polaris-parsl",
        "python of conda/2025-09-25",
        f"{tcl_place.soft}/cuda",
        "POLARIS_PARSL_MODULE=polaris-parsl/1.0",
        f"POLARIS_PARSL_MODULEPATH={tcl_place.prefix}/modulefiles-tcl",
        f"POLARIS_PARSL_ROOT={root}",
        f"POLARIS_PARSL_SITE_TREE={tcl_place.site_tree}",
        "POLARIS_PARSL_VERSION=1.0",
    ]
    assert "ERROR" not in done.stderr


@pytest.mark.parametrize("settings", [{}, {"PYTHONNOUSERSITE": "mine"}])
def test_unloading_leaves_the_environment_as_it_was(
    settings: dict[str, str], tcl_place: Any, tcl_shell: Shell, environments: Environments
) -> None:
    code = "env -0 >before; module load polaris-parsl; module unload polaris-parsl; env -0 >after"
    done = tcl_shell(f"{tcl_place.use}; {code}", **settings)
    assert "ERROR" not in done.stderr
    assert environments("after") == environments("before")


def test_loading_twice_changes_nothing_more(
    tcl_place: Any, tcl_shell: Shell, environments: Environments
) -> None:
    load = "module load polaris-parsl; env -0 >"
    tcl_shell(f"{tcl_place.use}; {load}once; {load}twice")
    assert environments("once") == environments("twice")


def test_a_switch_gives_the_version_on_the_other_base(tcl_place: Any, tcl_shell: Shell) -> None:
    code = "module load polaris-parsl; module switch polaris-parsl/2.0; echo $?; python"
    done = tcl_shell(f"{tcl_place.use}; {code}; echo $LOADEDMODULES $POLARIS_PARSL_VERSION")
    code, python, loaded = done.stdout.splitlines()
    assert (code, python) == ("0", "python of conda/2026-10-09"), done.stderr
    assert "conda/2025-09-25" not in loaded
    assert loaded.endswith(" 2.0")


def test_two_versions_are_never_loaded_together(tcl_place: Any, tcl_shell: Shell) -> None:
    code = "module load polaris-parsl; module load polaris-parsl/2.0; echo $?"
    done = tcl_shell(f"{tcl_place.use}; {code}; echo $POLARIS_PARSL_VERSION")
    assert done.stdout.splitlines() == ["1", "1.0"]


def test_purge_save_and_restore(tcl_place: Any, tcl_shell: Shell) -> None:
    code = "module load polaris-parsl/1.0; module save work; module purge; env | grep -c POLARIS_"
    done = tcl_shell(f"{tcl_place.use}; {code}; module restore work; python")
    assert done.stdout.splitlines() == ["0", "python of conda/2025-09-25"]


def test_a_strict_shell_survives(tcl_place: Any, tcl_shell: Shell) -> None:
    code = f"set -euo pipefail; {tcl_place.use}; module load polaris-parsl"
    done = tcl_shell(f"{code}; module switch polaris-parsl/2.0; module unload polaris-parsl")
    assert done.returncode == 0, done.stderr


def test_the_default_is_loaded_and_hidden_versions_only_by_their_full_name(
    tcl_place: Any, tcl_shell: Shell
) -> None:
    tcl_place.add("3.0rc1")
    tcl_place.defaults("1.0", "3.0rc1")
    shown = tcl_shell(f"{tcl_place.use}; module -t avail polaris-parsl").stderr
    assert "polaris-parsl/1.0" in shown
    assert "3.0rc1" not in shown
    load = "module load polaris-parsl{}; echo $? $POLARIS_PARSL_VERSION; module purge"
    done = tcl_shell(f"{tcl_place.use}; {load.format('')}; {load.format('/3.0rc1')}")
    assert done.stdout.splitlines() == ["0 1.0", "0 3.0rc1"], done.stderr
    tcl_place.defaults(None, "3.0rc1")
    done = tcl_shell(f"{tcl_place.use}; {load.format('')}")
    assert done.stdout.splitlines() == ["0 2.0"], done.stderr


def test_help_whatis_search_and_show_tell_and_load_nothing(
    tcl_place: Any, tcl_shell: Shell
) -> None:
    tcl_place.render("1.0", deprecation="an old one")
    verbs = ("help", "whatis", "show")
    code = "; ".join(f"module {verb} polaris-parsl/1.0" for verb in verbs)
    done = tcl_shell(f"{tcl_place.use}; {code}; module search gpu; env | grep -c POLARIS_PARSL")
    output = done.stderr
    assert f"Installed in {tcl_place.root('1.0')}" in output
    assert output.count("Description: Parsl 2026.10.26, configured for Polaris") >= 2
    assert "Keywords: parsl" in output
    assert "\nan old one" not in output
    assert done.stdout == "0\n"


def test_a_deprecated_version_says_so_on_load_and_only_then(
    tcl_place: Any, tcl_shell: Shell
) -> None:
    sentence = 'polaris-parsl/1.0 goes on 2027-01-31: "old" [base]; load polaris-parsl/2.0.'
    tcl_place.render("1.0", deprecation=sentence)
    load = f"{tcl_place.use}; module load polaris-parsl"
    assert tcl_shell(load).stderr.count(sentence) == 1
    done = tcl_shell(
        f"{load} 2>/dev/null; module unload polaris-parsl; module load polaris-parsl/2.0"
    )
    assert sentence not in done.stderr


def test_the_sites_gnu_parallel_comes_and_goes_with_it(tcl_place: Any, tcl_shell: Shell) -> None:
    tcl_place.render("1.0", parallel_module="gnu-parallel")
    load = "module load polaris-parsl; echo $? $PATH; module unload polaris-parsl; echo $PATH"
    done = tcl_shell(f"{tcl_place.use}; {load}")
    assert done.stdout.startswith("0 ")
    text = "#%Module\nprepend-path PATH /soft/gnu-parallel/bin\n"
    tcl_place.modulefile("gnu-parallel/2026", text)
    loaded, unloaded = tcl_shell(f"{tcl_place.use}; {load}").stdout.splitlines()
    assert "/soft/gnu-parallel/bin" in loaded
    assert "/soft/gnu-parallel/bin" not in unloaded


def compiler_gone(place: Any) -> None:
    shutil.rmtree(place.site_tree / "gcc-native")


def conda_module_gone(place: Any) -> None:
    (place.site_tree / "conda/2025-09-25").unlink()


def base_gone(place: Any) -> None:
    shutil.rmtree(place.conda_prefix())


def install_gone(place: Any) -> None:
    shutil.rmtree(place.root("1.0"))


BREAKAGES: dict[Callable[[Any], None], tuple[str, ...]] = {
    compiler_gone: ("gcc-native/14", "needs the module conda/2025-09-25, which does not load"),
    conda_module_gone: ("needs the module conda/2025-09-25, which this system no longer has",),
    base_gone: ("its base is gone: CPython 3.12.11 of conda/2025-09-25",),
    install_gone: ("cannot read ",),
}


@pytest.mark.parametrize("breaks", BREAKAGES, ids=lambda function: function.__name__)
def test_what_is_broken_is_named_and_nothing_is_loaded(
    breaks: Callable[[Any], None], tcl_place: Any, tcl_shell: Shell
) -> None:
    breaks(tcl_place)
    code = "module load polaris-parsl; echo $?; echo $PATH; echo $LOADEDMODULES"
    done = tcl_shell(f"{tcl_place.use}; {code}")
    for text in (*BREAKAGES[breaks], "\n  fix: "):
        assert text in done.stderr
    assert done.stdout.splitlines() == ["1", "/usr/bin:/bin", ""]


def test_an_awkward_prefix_and_text_run_nothing(tcl_place: Any, tcl_shell: Shell) -> None:
    # a "$" or "{" in a module tree's own path is more than Environment Modules takes
    tcl_place.prefix = tcl_place.prefix / 'a [exec touch ran] c; "d" `touch ran`'
    awkward = "[exec touch ran] $(touch ran) `touch ran` ${x} {"
    tcl_place.add("1.0", None, deprecation=awkward, base=awkward, parsl=awkward)
    done = tcl_shell(
        'module use "$TREE"; module load polaris-parsl; module help polaris-parsl; '
        "command -v python; ls",
        TREE=f"{tcl_place.prefix}/modulefiles-tcl",
    )
    assert done.stdout.splitlines()[0] == f"{tcl_place.root('1.0')}/overlay/bin/python"
    assert "ran" not in done.stdout.splitlines()[1:]
    assert done.stderr.count(awkward) >= 2
