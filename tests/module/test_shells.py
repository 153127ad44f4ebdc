"""The module in other shells than bash: ours works in each; a base's own module may not."""

from collections.abc import Callable
from typing import Any

import pytest

Shell = Callable[..., Any]

# How each shell prints a variable that may not be set.
_PRINT = {
    "zsh": "echo ${POLARIS_PARSL_VERSION-unset}",
    "sh": "echo ${POLARIS_PARSL_VERSION-unset}",
    "tcsh": "printenv POLARIS_PARSL_VERSION || echo unset",
    "fish": "printenv POLARIS_PARSL_VERSION || echo unset",
}
_SEQUENCE = "module load polaris-parsl\n{show}\npython\nmodule unload polaris-parsl\n{show}\n"


def tree(place: Any) -> dict[str, str]:
    """The module tree by variable: Lmod's `module use` for fish splits a path at its blanks."""
    return {"MODULEPATH": f"{place.prefix}/{place.tree}"}


@pytest.mark.parametrize("by", _PRINT)
def test_on_a_base_without_a_module_it_loads_and_unloads_in_every_shell(
    by: str, place: Any, shell: Shell
) -> None:
    place.render("1.0", None)
    done = shell(_SEQUENCE.format(show=_PRINT[by]), by=by, **tree(place))
    assert done.stdout.splitlines() == ["1.0", "python of conda/2025-09-25", "unset"]
    assert done.stderr == ""


@pytest.mark.parametrize("by", _PRINT)
def test_environment_modules_loads_and_unloads_it_in_every_shell(
    by: str, tcl_place: Any, tcl_shell: Shell
) -> None:
    done = tcl_shell(_SEQUENCE.format(show=_PRINT[by]), by=by, **tree(tcl_place))
    assert done.stdout.splitlines() == ["1.0", "python of conda/2025-09-25", "unset"]
    assert "ERROR" not in done.stderr


def test_on_the_sites_conda_module_zsh_loads_it_but_returns_1(place: Any, shell: Shell) -> None:
    load = "module load polaris-parsl; echo $?; python; conda activate; echo $CONDA_PREFIX"
    done = shell(load, by="zsh", **tree(place))
    assert done.stdout.splitlines() == [
        "1",
        "python of conda/2025-09-25",
        str(place.conda_prefix()),
    ]


@pytest.mark.parametrize(("by", "complaint"), [("fish", "${"), ("tcsh", "Bad : modifier")])
def test_on_the_sites_conda_module_fish_and_tcsh_refuse_the_whole_load(
    by: str, complaint: str, place: Any, shell: Shell
) -> None:
    done = shell(f"module load polaris-parsl\n{_PRINT[by]}", by=by, **tree(place))
    assert complaint in done.stderr
    assert done.stdout == "unset\n"


# What shows that a file of completions was read.
_READ = {"bash": "echo ${READ-unread}", "zsh": "echo ${READ-unread}", "fish": "echo $READ"}


def with_completions(place: Any, by: str) -> None:
    """An install whose completions set a variable."""
    place.render("1.0", None)
    folder = place.root("1.0") / "share" / "completions"
    folder.mkdir(parents=True)
    (folder / by).write_text("set -g READ yes\n" if by == "fish" else "READ=yes\n")


def check_completions(by: str, place: Any, shell: Shell) -> None:
    """A shell reads its own, and reads none in a job."""
    with_completions(place, by)
    code = f"module load polaris-parsl\n{_READ[by]}"
    done = shell(code, by=by, **tree(place))
    assert done.stdout == "yes\n", done.stderr
    done = shell(code, by=by, **tree(place), PBS_ENVIRONMENT="PBS_BATCH")
    assert done.stdout.strip() in ("", "unread"), done.stderr


@pytest.mark.parametrize("by", _READ)
def test_a_shell_reads_its_completions_but_not_in_a_job(by: str, place: Any, shell: Shell) -> None:
    check_completions(by, place, shell)


@pytest.mark.parametrize("by", _READ)
def test_by_environment_modules_a_shell_reads_its_completions_but_not_in_a_job(
    by: str, tcl_place: Any, tcl_shell: Shell
) -> None:
    check_completions(by, tcl_place, tcl_shell)


def check_manpath(place: Any, shell: Shell) -> None:
    """The path gets the directory of the man page, and loses it on unload; none is made."""
    place.render("1.0", None)
    show = "echo ${MANPATH-unset}"
    code = f"module load polaris-parsl\n{show}\nmodule unload polaris-parsl\n{show}"
    ours, given = f"{place.root('1.0')}/share/man", "/usr/share/man"
    done = shell(code, **tree(place), MANPATH=given)
    assert done.stdout.splitlines() == [f"{ours}:{given}", given], done.stderr
    done = shell(code, **tree(place))
    assert done.stdout.splitlines() == ["unset", "unset"], done.stderr


def test_a_manpath_gets_the_man_page_until_unload(place: Any, shell: Shell) -> None:
    check_manpath(place, shell)


def test_by_environment_modules_a_manpath_gets_the_man_page_until_unload(
    tcl_place: Any, tcl_shell: Shell
) -> None:
    check_manpath(tcl_place, tcl_shell)
