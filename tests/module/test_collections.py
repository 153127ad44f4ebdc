"""Collections that users save in Lmod come back, in every form of a prefix that people have."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import places

Shell = Callable[..., Any]
# Not one with letters beyond ASCII: by the length of its path, Lmod loses a byte of it in what it saves.
FORMS = ("project", "project with spaces", "link", "bind mount")


@pytest.fixture(params=FORMS)
def prefix_name(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """The name of a prefix; a link and a bind mount lead to another directory."""
    form: str = request.param
    (tmp_path / "elsewhere").mkdir()
    if form == "link":
        (tmp_path / form).symlink_to(tmp_path / "elsewhere")
    if form != "bind mount":
        yield form
        return
    (tmp_path / form).mkdir()
    bind = ["mount", "--bind", str(tmp_path / "elsewhere"), str(tmp_path / form)]
    if os.geteuid() or subprocess.run(bind, check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount")
    yield form
    subprocess.run(["umount", str(tmp_path / form)], check=True)


def restored(done: Any) -> list[str]:
    """Exit code of `module restore`, the Python and the module that it gave."""
    assert "have changed" not in done.stderr
    lines: list[str] = done.stdout.splitlines()[-3:]
    return lines


SHOW = "echo $?; python; echo $POLARIS_PARSL_MODULE"
WHOLE = ["0", "python of conda/2025-09-25", "polaris-parsl/1.0"]


def test_a_new_shell_restores_a_collection(place: places.Place, shell: Shell) -> None:
    saved = shell(f"{place.use}; module load polaris-parsl; module save work; echo $?")
    assert saved.stdout.splitlines()[-1] == "0", saved.stderr
    assert restored(shell(f"module restore work; {SHOW}")) == WHOLE


def test_a_collection_is_restored_after_a_purge(place: places.Place, shell: Shell) -> None:
    code = f"{place.use}; module load polaris-parsl/1.0; module save work; module purge"
    assert restored(shell(f"{code}; module restore work; {SHOW}")) == WHOLE


def test_the_default_collection_comes_at_the_start_of_a_shell(
    place: places.Place, shell: Shell
) -> None:
    shell(f"{place.use}; module load polaris-parsl; module save")
    assert restored(shell(f"module --initial_load restore; {SHOW}")) == WHOLE


def test_a_collection_is_restored_where_the_system_has_both_trees_on_modulepath(
    place: places.Place, shell: Shell
) -> None:
    trees = f"{place.site_tree}:{place.prefix}/{place.tree}"
    shell("module load polaris-parsl; module save work", MODULEPATH=trees)
    done = shell(f"module restore work; {SHOW}", MODULEPATH=trees)
    assert restored(done) == WHOLE
    code = "module restore work; module unload polaris-parsl; echo $MODULEPATH"
    assert shell(code, MODULEPATH=trees).stdout.splitlines()[-1] == trees


def test_a_collection_that_is_restored_may_be_saved_and_restored_again(
    place: places.Place, shell: Shell
) -> None:
    shell(f"{place.use}; module load polaris-parsl; module save work")
    shell("module restore work; module save again")
    assert restored(shell(f"module restore again; {SHOW}")) == WHOLE


def test_an_upgrade_on_the_same_base_is_taken_by_a_collection_without_version(
    place: places.Place, shell: Shell
) -> None:
    shell(f"{place.use}; module load polaris-parsl; module save work")
    place.add("1.1")
    place.defaults("1.1")
    done = shell(f"module restore work; {SHOW}")
    assert restored(done) == [*WHOLE[:2], "polaris-parsl/1.1"]


def test_an_upgrade_to_another_base_names_a_remedy_that_works(
    place: places.Place, shell: Shell
) -> None:
    shell(f"{place.use}; module load polaris-parsl; module save work")
    place.defaults("2.0")
    done = shell("module restore work; echo $?")
    assert done.stdout.splitlines()[-1] == "1"
    message = " ".join(done.stderr.split())
    assert "needs the module conda/2026-10-09, and another version of it is loaded" in message
    remedy = message.partition("fix: ")[2].partition("; then save")[0]
    wanted = ["0", "python of conda/2026-10-09", "polaris-parsl/2.0"]
    assert restored(shell(f"{remedy}; {SHOW}; module save work")) == wanted
    assert restored(shell(f"module restore work; {SHOW}")) == wanted
