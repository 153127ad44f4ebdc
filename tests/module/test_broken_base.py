"""A base or an install that is broken or gone: one error that says why and what to do."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from code_blocks import typed

Shell = Callable[..., Any]
CONDA = "conda/2025-09-25"


def nothing_named_gcc(place: Any) -> None:
    shutil.rmtree(place.site_tree / "gcc-native")


def no_conda_module(place: Any) -> None:
    (place.site_tree / f"{CONDA}.lua").unlink()


def no_site_tree(place: Any) -> None:
    shutil.rmtree(place.site_tree)


def no_base(place: Any) -> None:
    shutil.rmtree(place.conda_prefix())


def no_install(place: Any) -> None:
    shutil.rmtree(place.root("1.0"))


def refusing_conda(place: Any) -> None:
    place.modulefile(CONDA, 'LmodBreak("not on this node")\n')


BREAKAGES: dict[Callable[[Any], None], tuple[str, str]] = {
    nothing_named_gcc: (
        "which fails to load: its dependency gcc-native/14 is not available",
        "load a newer polaris-parsl; `module avail polaris-parsl` lists them; tell the site of",
    ),
    no_conda_module: (
        "needs the module conda/2025-09-25, which this system no longer has",
        "load a newer polaris-parsl",
    ),
    no_site_tree: (
        "needs the module conda/2025-09-25, which this system no longer has",
        "load a newer polaris-parsl",
    ),
    no_base: (
        "its base is gone: CPython 3.12.11 of conda/2025-09-25",
        "load a newer polaris-parsl",
    ),
    no_install: ("cannot read ", "ask its owner whether it was removed or is closed to you"),
}


@pytest.mark.parametrize("breaks", BREAKAGES, ids=lambda function: function.__name__)
def test_one_error_names_cause_and_remedy_and_nothing_is_loaded(
    breaks: Callable[[Any], None], place: Any, shell: Shell
) -> None:
    breaks(place)
    done = shell(f"{place.use}; module load polaris-parsl; echo $?; echo $PATH; module -t list")
    problem, remedy = BREAKAGES[breaks]
    output = " ".join(done.stderr.split())
    assert output.count("Lmod has detected the following error") == 1
    assert "error: polaris-parsl/1.0" in output
    assert problem in output
    assert f"fix: {remedy}" in output
    assert "No modules loaded" in output
    assert done.stdout.splitlines() == ["1", "/usr/bin:/bin"]
    if breaks is nothing_named_gcc:
        (load,) = typed("docs/modules.md", "$ module load polaris-parsl\nLmod")
        assert " ".join(load.shown.split()) in output


@pytest.mark.parametrize("breaks", BREAKAGES, ids=lambda function: function.__name__)
def test_what_is_loaded_can_be_unloaded_when_it_breaks(
    breaks: Callable[[Any], None], place: Any, shell: Shell
) -> None:
    # the environment of a shell that loaded it while all was well
    loaded = shell(f"{place.use}; module load polaris-parsl; env -0")
    env = dict(entry.split("=", 1) for entry in loaded.stdout.split("\0") if entry)
    breaks(place)
    code = "module unload polaris-parsl; echo $?; command -v polaris-parsl; module -t list"
    done = shell(code, **env)
    assert done.stdout.splitlines() == ["0"]
    assert "polaris-parsl" not in done.stderr


def test_a_base_that_refuses_to_load_leaves_nothing_of_ours(place: Any, shell: Shell) -> None:
    refusing_conda(place)
    done = shell(f"{place.use}; module load polaris-parsl; echo $?; echo $PATH; module -t list")
    assert "not on this node" in done.stderr
    assert "conda/2025-09-25" in done.stderr
    assert done.stdout.splitlines() == ["1", "/usr/bin:/bin"]


@pytest.mark.parametrize(
    "repaired",
    ["", "--depends_on('gcc-native/14')\n", 'if false then\n depends_on("nothing")\nend\n'],
)
def test_a_base_whose_module_was_repaired_loads_again(
    repaired: str, place: Any, shell: Shell
) -> None:
    nothing_named_gcc(place)
    path = place.site_tree / f"{CONDA}.lua"
    path.write_text(path.read_text().replace('depends_on("gcc-native/14")\n', repaired))
    done = shell(f"{place.use}; module load polaris-parsl; echo $?; python")
    assert (done.stdout, done.stderr) == ("0\npython of conda/2025-09-25\n", "")
