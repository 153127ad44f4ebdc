"""Which module system a shell has, and what it says of a module in a fresh shell."""

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from polaris_parsl.env.modules.module_system import how_to_load, module_system

Shell = Callable[..., Any]


def check(place: Any, shell: Shell) -> None:
    entries = shell("env -0").stdout.split("\0")
    env = dict(entry.split("=", 1) for entry in entries if entry)
    system = module_system(env)
    assert system is not None
    assert system.tree == place.tree
    tree = place.prefix / place.tree
    assert system.loads("polaris-parsl/1.0", tree, env) is None
    # that it is loaded in this shell does not hide that a fresh one could not load it
    loaded = {**env, "LOADEDMODULES": "polaris-parsl/1.0", "_LMFILES_": f"{tree}/polaris-parsl/1.0"}
    shutil.rmtree(place.site_tree / "gcc-native")
    complaint = system.loads("polaris-parsl/1.0", tree, loaded)
    assert complaint is not None
    assert "gcc-native/14" in complaint
    load = f"module use {shlex.quote(str(tree))}; module load polaris-parsl/1.0"
    assert how_to_load(place.prefix, "1.0", env) == load


def test_lmod_is_asked_whether_a_module_loads(place: Any, shell: Shell) -> None:
    check(place, shell)


def test_environment_modules_is_asked_whether_a_module_loads(
    tcl_place: Any, tcl_shell: Shell
) -> None:
    check(tcl_place, tcl_shell)


def test_a_shell_without_a_module_system_gets_lmods_tree() -> None:
    assert module_system({"LMOD_CMD": "/nowhere/lmod"}) is None
    load = "module use /eagle/p/modulefiles; module load polaris-parsl/1.0"
    assert how_to_load(Path("/eagle/p"), "1.0", {}) == load
