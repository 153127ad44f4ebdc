"""How the module behaves in Lmod, on a site whose conda module behaves as ALCF's is known to."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from code_blocks import typed
from polaris_parsl.env.modules.base_module import base_module, describe, tree_of

Shell = Callable[..., Any]
Environments = Callable[[str], dict[str, str]]


def words(text: str) -> str:
    """Text without the line breaks that Lmod puts into its messages."""
    return " ".join(text.split())


def test_the_projects_path_alone_gives_python_command_and_the_settings_of_the_base(
    place: Any, shell: Shell
) -> None:
    code = "module load polaris-parsl; echo $?; command -v python polaris-parsl; python"
    done = shell(f"{place.use}; {code}; echo $CUDA_HOME $CC")
    assert done.stderr == ""
    root = place.root("1.0")
    assert done.stdout.splitlines() == [
        "0",
        f"{root}/overlay/bin/python",
        f"{root}/bin/polaris-parsl",
        "python of conda/2025-09-25",
        f"{place.soft}/cuda gcc-14",
    ]


def test_unloading_leaves_what_the_base_alone_leaves(
    place: Any, shell: Shell, environments: Environments
) -> None:
    for name, module in (("ours", "polaris-parsl"), ("theirs", "conda/2025-09-25")):
        done = shell(
            f"{place.use}; module use {place.site_tree}; env -0 >{name}-before; "
            f"module load {module}; module unload {module}; env -0 >{name}-after"
        )
        assert done.stderr == ""
    changes = [
        environments(f"{name}-after").items() - environments(f"{name}-before").items()
        for name in ("ours", "theirs")
    ]
    # set by the base's module
    assert changes == [{("LD_LIBRARY_PATH", "")}] * 2
    assert environments("ours-after").keys() >= environments("ours-before").keys()


def test_loading_twice_changes_nothing_more(
    place: Any, shell: Shell, environments: Environments
) -> None:
    load = "module load polaris-parsl; env -0 >"
    assert shell(f"{place.use}; {load}once; {load}twice").stderr == ""
    assert environments("once") == environments("twice")
    assert environments("once")["POLARIS_PARSL_MODULE"] == "polaris-parsl/1.0"


def test_a_swap_to_a_version_on_another_base_is_as_a_fresh_load_of_it(
    place: Any, shell: Shell, environments: Environments
) -> None:
    code = "module load polaris-parsl/1.0; module swap polaris-parsl polaris-parsl/2.0; echo $?"
    swapped = shell(f"{place.use}; {code}; python; command -v python; env -0 >swapped")
    assert swapped.stdout.splitlines() == [
        "0",
        "python of conda/2026-10-09",
        f"{place.root('2.0')}/overlay/bin/python",
    ]
    shell(f"{place.use}; module load polaris-parsl/2.0; env -0 >fresh")
    fresh, after = environments("fresh"), environments("swapped")
    # the base's unload removes all variables with CONDA in their names, also fresh ones
    lacking = {name for name in fresh if name not in after}
    assert all("CONDA" in name for name in lacking)
    assert "2025-09-25" not in "".join(after.values())
    ours = {name for name in fresh if name.startswith("POLARIS_PARSL_")}
    assert {name: after[name] for name in ours} == {name: fresh[name] for name in ours}


def test_loading_another_version_swaps_too(place: Any, shell: Shell) -> None:
    (swap,) = typed("docs/modules.md", "$ module load polaris-parsl/2.0")
    code = f"module load polaris-parsl/1.0; {swap.command}; echo $?; module -t list"
    done = shell(f"{place.use}; {code}; echo $POLARIS_PARSL_VERSION")
    assert words(swap.shown) in words(done.stderr)
    assert done.stdout.splitlines()[0] == "0"
    assert done.stdout.splitlines()[-1] == "2.0"
    assert "polaris-parsl/1.0" not in done.stderr.rpartition("polaris-parsl/2.0")[2]
    assert "conda/2025-09-25\n" not in done.stdout


def test_two_versions_are_never_loaded_together(place: Any, shell: Shell) -> None:
    code = "module load polaris-parsl/1.0; module load polaris-parsl/2.0; echo $?"
    done = shell(
        f"{place.use}; {code}; echo $POLARIS_PARSL_VERSION",
        LMOD_DISABLE_SAME_NAME_AUTOSWAP="yes",
    )
    assert done.stdout.splitlines() == ["1", "1.0"]


def test_purge_leaves_nothing(place: Any, shell: Shell) -> None:
    code = "module load polaris-parsl; module purge; echo $?; module -t list; env | grep -c POLARIS"
    done = shell(f"{place.use}; {code}")
    assert done.stdout.splitlines() == ["0", "0"]
    assert "No modules loaded" in done.stderr


def test_a_saved_collection_is_restored_in_a_bare_shell(place: Any, shell: Shell) -> None:
    saved = shell(f"{place.use}; module load polaris-parsl/1.0; module save work; echo $?")
    assert saved.stdout.splitlines()[-1] == "0", saved.stderr
    done = shell("module restore work; echo $?; python; echo $POLARIS_PARSL_MODULE")
    lines = done.stdout.splitlines()
    assert lines[-3:] == ["0", "python of conda/2025-09-25", "polaris-parsl/1.0"]


def test_a_collection_with_a_named_version_stays_with_it_when_the_default_moves(
    place: Any, shell: Shell
) -> None:
    shell(f"{place.use}; module load polaris-parsl/1.0; module save work")
    place.defaults("2.0")
    done = shell("module restore work; echo $POLARIS_PARSL_VERSION")
    assert done.stdout.splitlines()[-1] == "1.0"


def test_reset_gives_back_the_modules_of_the_login_shell(place: Any, shell: Shell) -> None:
    login = {"MODULEPATH": str(place.site_tree), "LMOD_SYSTEM_DEFAULT_MODULES": "PrgEnv-nvidia"}
    show = "echo $LOADEDMODULES"
    code = f"module reset; {place.use}; module load polaris-parsl; {show}; module reset; {show}"
    loaded, after = shell(f"{code}; env | grep POLARIS_", **login).stdout.splitlines()
    assert "PrgEnv-gnu/8.6.0" in loaded
    assert "PrgEnv-nvidia" not in loaded
    assert after == "PrgEnv-nvidia/8.6.0"


def test_a_strict_shell_survives_loading_swapping_and_unloading(place: Any, shell: Shell) -> None:
    code = "module load polaris-parsl; module swap polaris-parsl/2.0; module unload polaris-parsl"
    done = shell(f"set -euo pipefail; {place.use}; {code}; echo end")
    assert done.stdout.splitlines()[-1] == "end", done.stderr


def test_a_nested_shell_inherits_the_module_and_may_unload_it_for_itself(
    place: Any, shell: Shell
) -> None:
    inner = "python; module unload polaris-parsl; command -v polaris-parsl || echo gone"
    done = shell(f"{place.use}; module load polaris-parsl; bash -c '{inner}'; polaris-parsl")
    assert done.stdout.splitlines() == [
        "python of conda/2025-09-25",
        "gone",
        "command of 1.0",
    ]


@pytest.mark.parametrize("settings", [{}, {"PYTHONNOUSERSITE": "mine"}])
def test_a_setting_of_the_users_own_comes_back(
    settings: dict[str, str], place: Any, shell: Shell
) -> None:
    show = "echo ${PYTHONNOUSERSITE-unset}"
    code = f"module load polaris-parsl; {show}; module unload polaris-parsl; {show}"
    assert shell(f"{place.use}; {code}", **settings).stdout.splitlines() == [
        "1",
        settings.get("PYTHONNOUSERSITE", "unset"),
    ]


def test_users_find_it_by_the_name_of_parsl_and_by_keyword(place: Any, shell: Shell) -> None:
    done = shell(f"{place.use}; module spider parsl; module keyword workflow")
    found = done.stdout + done.stderr
    assert "parsl/2026.10.26" in found
    assert "Parsl 2026.10.26, configured for Polaris" in words(found)


def test_users_who_look_for_conda_get_no_advice_to_load_this_first(
    place: Any, shell: Shell
) -> None:
    done = shell(f"{place.use}; module use {place.site_tree}; module spider conda/2025-09-25")
    output = words(done.stdout + done.stderr)
    assert "conda/2025-09-25" in output
    assert "polaris-parsl/1.0" not in output


def test_help_whatis_and_show_tell_and_load_nothing(place: Any, shell: Shell) -> None:
    place.render("1.0", deprecation="an old one")
    code = "; ".join(f"module {verb} polaris-parsl/1.0" for verb in ("help", "whatis", "show"))
    done = shell(f"{place.use}; {code}; module -t list; env | grep -c POLARIS_PARSL")
    output = done.stdout + done.stderr
    assert f"Installed in {place.root('1.0')}" in output
    assert output.count("polaris-parsl/1.0 ") + output.count("polaris-parsl/1.0:") >= 6
    assert "Description: Parsl 2026.10.26" in words(output).replace(" : ", ": ")
    assert "No modules loaded" in output
    # show prints the call itself
    assert "\nan old one" not in output
    assert done.stdout.splitlines()[-1] == "0"


def test_the_default_is_what_is_loaded_although_a_higher_version_is_there(
    place: Any, shell: Shell
) -> None:
    load = "module load polaris-parsl; echo $POLARIS_PARSL_VERSION; module purge"
    assert shell(f"{place.use}; {load}").stdout == "1.0\n"
    place.defaults("2.0")
    assert shell(f"{place.use}; {load}").stdout == "2.0\n"
    place.defaults(None)
    assert shell(f"{place.use}; {load}").stdout == "2.0\n"


def test_a_hidden_version_is_loaded_by_its_full_name_only(place: Any, shell: Shell) -> None:
    place.add("3.0rc1")
    place.defaults("1.0", "3.0rc1", "2.0")
    done = shell(f"{place.use}; module -t avail polaris-parsl; module spider polaris-parsl")
    shown = done.stdout + done.stderr
    assert "polaris-parsl/1.0" in shown
    assert "3.0rc1" not in shown
    assert "polaris-parsl/2.0" not in shown
    load = "module load polaris-parsl{}; echo $? $POLARIS_PARSL_VERSION; module purge"
    done = shell(f"{place.use}; {load.format('')}; {load.format('/3.0rc1')}")
    assert done.stdout.splitlines() == ["0 1.0", "0 3.0rc1"]


def test_without_a_default_a_hidden_candidate_is_not_taken_for_the_highest(
    place: Any, shell: Shell
) -> None:
    place.add("3.0rc1")
    place.defaults(None, "3.0rc1")
    done = shell(f"{place.use}; module load polaris-parsl; echo $POLARIS_PARSL_VERSION")
    assert done.stdout == "2.0\n"


def test_a_deprecated_version_says_so_once_on_load_and_only_then(place: Any, shell: Shell) -> None:
    sentence = 'polaris-parsl/1.0 goes on 2027-01-31: "old" base; load polaris-parsl/2.0.'
    place.render("1.0", deprecation=sentence)
    loaded = shell(f"{place.use}; module load polaris-parsl; echo $?; python")
    assert loaded.stdout.splitlines() == ["0", "python of conda/2025-09-25"]
    assert words(loaded.stderr) == sentence
    others = "module -t avail; module unload polaris-parsl; module load polaris-parsl/2.0"
    others += "; module spider polaris-parsl/1.0"
    done = shell(f"{place.use}; module load polaris-parsl 2>/dev/null; {others}")
    assert sentence not in words(done.stderr)


def test_the_sites_gnu_parallel_comes_and_goes_with_it(place: Any, shell: Shell) -> None:
    place.modulefile("gnu-parallel/2026", 'prepend_path("PATH", "/soft/gnu-parallel/bin")\n')
    place.render("1.0", parallel_module="gnu-parallel")
    load = "module load polaris-parsl; echo $PATH; module unload polaris-parsl; echo $PATH"
    done = shell(f"{place.use}; {load}")
    loaded, unloaded = done.stdout.splitlines()
    assert done.stderr == ""
    assert "/soft/gnu-parallel/bin" in loaded
    assert "/soft/gnu-parallel/bin" not in unloaded
    # an install that has one of its own leaves it
    done = shell(f"{place.use}; module load polaris-parsl/2.0; echo $PATH")
    assert "/soft/gnu-parallel/bin" not in done.stdout


def test_a_site_without_gnu_parallel_is_no_matter(place: Any, shell: Shell) -> None:
    place.render("1.0", parallel_module="gnu-parallel")
    code = "module load polaris-parsl; echo $?; module unload polaris-parsl; echo $?"
    done = shell(f"{place.use}; {code}; module show polaris-parsl 2>/dev/null; echo $?")
    assert (done.stdout, done.stderr) == ("0\n0\n0\n", "")


def test_another_base_that_was_loaded_is_replaced(place: Any, shell: Shell) -> None:
    code = "module load conda/2026-10-09; module load polaris-parsl/1.0; python; module -t list"
    done = shell(f"{place.use}; module use {place.site_tree}; {code}")
    assert "python of conda/2025-09-25" in done.stdout
    assert "conda/2025-09-25" in done.stderr
    assert "conda/2026-10-09\npolaris" not in done.stderr


def test_the_base_that_was_loaded_before_stays(place: Any, shell: Shell) -> None:
    code = "module load conda/2025-09-25 polaris-parsl; module unload polaris-parsl; module -t list"
    done = shell(f"{place.use}; module use {place.site_tree}; {code}; echo $CUDA_HOME $MODULEPATH")
    assert "conda/2025-09-25" in done.stderr
    assert f"{place.soft}/cuda" in done.stdout
    # the user's own `module use` of the site's tree, too
    assert str(place.site_tree) in done.stdout


def test_an_active_conda_environment_is_put_behind_and_comes_back(place: Any, shell: Shell) -> None:
    code = "module load conda/2025-09-25; conda activate; command -v python"
    ours = "module load polaris-parsl; command -v python; module unload polaris-parsl"
    done = shell(f"{place.use}; module use {place.site_tree}; {code}; {ours}; command -v python")
    conda = f"{place.conda_prefix()}/bin/python"
    assert done.stdout.splitlines() == [conda, f"{place.root('1.0')}/overlay/bin/python", conda]


def test_a_python_of_another_family_takes_the_base_away_and_lmod_says_so(
    place: Any, shell: Shell
) -> None:
    done = shell(f"{place.use}; module load polaris-parsl; module load cray-python; module -t list")
    assert "conda" in done.stderr
    assert "polaris-parsl/1.0" in done.stderr
    assert "cray-python/3.11.7" in done.stderr


def test_python_scripts_can_load_it(place: Any, shell: Shell) -> None:
    done = shell(f"{place.use}; $LMOD_CMD python load polaris-parsl")
    assert f'os.environ["POLARIS_PARSL_ROOT"] = "{place.root("1.0")}"' in done.stdout.replace(
        "'", '"'
    )


def test_an_awkward_prefix_and_text_run_nothing(place: Any, shell: Shell) -> None:
    place.prefix = place.prefix / 'a$b ]] c; "d" `touch ran` $(touch ran)'
    awkward = '[[x]] "..os.execute("touch ran").." $(touch ran) `touch ran`'
    place.add("1.0", None, deprecation=awkward, base=awkward, parsl=awkward)
    done = shell(
        'module use "$TREE"; module load polaris-parsl; module help polaris-parsl; '
        "command -v python; ls",
        TREE=f"{place.prefix}/modulefiles",
    )
    assert done.stdout.splitlines()[0] == f"{place.root('1.0')}/overlay/bin/python"
    assert "ran" not in done.stdout.splitlines()[1:]
    # as the deprecation; newer Lmods take the help for Markdown
    assert awkward in done.stderr


def test_the_files_are_valid_lua_without_unknown_names(place: Any, shell: Shell) -> None:
    place.add("3.0", parallel_module="gnu-parallel", deprecation="old")
    place.add("4.0", None)
    place.defaults("1.0", "3.0")
    tree = f"{place.prefix}/modulefiles"
    files = [str(path) for path in Path(tree).rglob("*.lua")]
    assert len(files) == 5
    config = Path(__file__).with_name("luacheck.lua")
    for command in (["luac", "-p"], ["luacheck", "--no-color", "--config", str(config)]):
        done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    checked = shell(f"$LMOD_DIR/check_module_tree_syntax '{tree}'; echo $?")
    assert checked.stdout.splitlines()[-1] == "0", checked.stdout + checked.stderr


def test_who_takes_the_tree_for_environment_modules_learns_of_the_right_one(
    tcl_place: Any, shell: Shell
) -> None:
    # Lmod splits the path of a Tcl file at its blanks
    tcl_place.prefix = tcl_place.soft / "prefix"
    tcl_place.add("1.0")
    tcl_place.defaults("1.0")
    code = "module load polaris-parsl; echo $?; module spider polaris-parsl"
    done = shell(f"{tcl_place.use}; {code}")
    assert done.stdout.splitlines()[0] == "1"
    output = words(done.stderr)
    assert "modulefiles-tcl is for Environment Modules, not for Lmod" in output
    assert f"fix: module use {tcl_place.prefix}/modulefiles" in output
    assert "invalid command" not in output


def test_the_module_of_a_base_is_found_in_the_shell_that_loaded_it(
    place: Any, shell: Shell, tmp_path: Path
) -> None:
    code = "module load conda/2026-10-09; conda activate base; env -0 >loaded"
    shell(f"module use {place.site_tree}; {code}")
    entries = (tmp_path / "loaded").read_bytes().decode().split("\0")
    env = dict(entry.split("=", 1) for entry in entries if "=" in entry)
    prefix = Path(env["CONDA_PREFIX"])
    assert prefix == place.conda_prefix("conda/2026-10-09")
    assert base_module(prefix, env) == "conda/2026-10-09"
    found = describe("conda/2026-10-09", env)
    assert found is not None
    assert tree_of(found["name"], Path(found["file"])) == place.site_tree


def test_an_exact_match_is_named_where_the_base_needs_names_without_version(
    place: Any, shell: Shell
) -> None:
    done = shell(f"{place.use}; module load polaris-parsl/1.0; echo $?", LMOD_EXACT_MATCH="yes")
    assert done.stdout.splitlines() == ["1"]
    message = words(done.stderr)
    assert "LMOD_EXACT_MATCH=yes lets no module load without its version" in message
    assert "conda/2025-09-25 loads PrgEnv-gnu" in message
