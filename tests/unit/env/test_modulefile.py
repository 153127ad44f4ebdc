from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.env.modules.modulefile import render_defaults, render_modulefiles, values_of
from polaris_parsl.env.receipt import Receipt
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.version import VERSION

MODULE = {"name": "conda/2025-09-25", "file": "/soft/modulefiles/conda/2025-09-25.lua"}


def receipt(*, module: Any = None, track: str = "current", has_parallel: bool = True) -> Receipt:
    return Receipt(
        version="1.0",
        track=track,
        locks={"overlay.lock": "ab", "tools.lock": "cd"},
        parsl="2026.10.26",
        has_parallel=has_parallel,
        prefix=Path("/eagle/p"),
        command=("install",),
        base={
            "interpreter": {"version": "3.12.11"},
            "prefix": "/usr/local",
            "module": module,
        },
        locked=frozenset(),
        size_bytes=None,
        files={},
        links={},
    )


def test_a_base_in_a_module_is_loaded_and_its_modulefile_looked_at() -> None:
    values = values_of(receipt(module=MODULE))
    assert values.conda_module == "conda/2025-09-25"
    assert values.conda_modulefile == Path(MODULE["file"])
    assert values.base == "CPython 3.12.11 of conda/2025-09-25"
    assert values.root == Path("/eagle/p/versions/1.0")
    unknown = values_of(receipt(module={**MODULE, "file": None}))
    assert unknown.conda_modulefile is None
    lua, tcl = render_modulefiles(unknown).values()
    assert "depends_on(conda)" in lua
    assert "module load $conda" in tcl
    assert "io.open(None" not in lua


def test_a_base_in_no_module_loads_none() -> None:
    lua, tcl = render_modulefiles(values_of(receipt())).values()
    assert "CPython 3.12.11 of /usr/local" in lua
    for word in ("depends_on", "module load $", "append_path", "append-path"):
        assert word not in lua + tcl


@pytest.mark.parametrize("has_parallel", [True, False])
def test_the_sites_gnu_parallel_is_looked_for_where_the_install_has_none(
    has_parallel: bool,
) -> None:
    lua, tcl = render_modulefiles(values_of(receipt(has_parallel=has_parallel))).values()
    assert (f'parallel = "{polaris().parallel_module}"' in lua) is not has_parallel
    assert ("module load $parallel" in tcl) is not has_parallel


def test_a_track_has_modulefiles_of_its_own() -> None:
    assert list(map(str, render_modulefiles(values_of(receipt(track="mep"))))) == [
        "modulefiles/polaris-parsl/1.0-mep.lua",
        "modulefiles-tcl/polaris-parsl/1.0-mep",
    ]


def test_every_file_says_in_its_first_lines_who_made_it_and_not_to_edit_it() -> None:
    files = {**render_modulefiles(values_of(receipt())), **render_defaults(default="1.0")}
    assert len(files) == 4
    for path, text in files.items():
        lines = text.splitlines()
        made = lines[0] if path.suffix == ".lua" else lines[1]
        assert "made by polaris-parsl" in made
        assert made.endswith("do not edit")
        assert path.suffix == ".lua" or lines[0] == "#%Module5.1"
        assert text.endswith("\n")


def test_default_and_hidden_versions_are_named_in_full() -> None:
    lua, tcl = render_defaults(default="1.0", hidden={"2.0rc1", "1.1rc1"}).values()
    assert lua.splitlines()[1:] == [
        'module_version("polaris-parsl/1.0", "default")',
        'hide_version("polaris-parsl/1.1rc1")',
        'hide_version("polaris-parsl/2.0rc1")',
    ]
    assert tcl.splitlines()[2:] == [
        'module-version "polaris-parsl/1.0" default',
        'module-hide "polaris-parsl/1.1rc1"',
        'module-hide "polaris-parsl/2.0rc1"',
    ]
    assert VERSION in lua
    assert "default" not in "".join(render_defaults(default=None).values())
