"""The module on a real conda, whose prefix POLARIS_PARSL_CONDA names; a stand-in is in its place elsewhere."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import places

Shell = Callable[..., Any]
CONDA = os.environ.get("POLARIS_PARSL_CONDA", "")
LOAD = """
before="$PATH|$MODULEPATH"
module use {prefix}/{tree}; module load polaris-parsl/1.0
conda --version
command -v activate
conda activate; echo $CONDA_SHLVL $(command -v python); conda deactivate
command -v python
module save work
module purge; module unuse {prefix}/{tree}
[ "$PATH|$MODULEPATH" = "$before" ] && echo "as before"; type -t conda; env | grep CONDA
"""


@pytest.mark.skipif(not CONDA, reason="POLARIS_PARSL_CONDA names no prefix of a real conda")
def test_conda_works_in_the_module_and_leaves_with_it(shell: Shell, tmp_path: Path) -> None:
    place = places.Place(tmp_path / "project", tmp_path / "soft", "modulefiles", ".lua")
    for name in ("PrgEnv-gnu/8.6.0", "gcc-native/14", "cray-hdf5-parallel/1.14.3.9"):
        place.modulefile(name, f'setenv("{name[:3].upper()}", "1")\n')
    lines = (places.SITE / "conda.lua").read_text().splitlines()
    where = next(line for line in lines if line.startswith("local conda = "))
    text = "\n".join(lines).replace(where, f'local conda = "{CONDA}"')
    place.modulefile(places.CONDA, f"{text}\n")
    place.conda_prefix().parent.mkdir(parents=True)
    place.conda_prefix().symlink_to(CONDA)
    python = place.add("1.0") / "overlay/bin/python"
    done = shell(LOAD.format(prefix=place.prefix, tree=place.tree))
    version, active, own, left, *more = done.stdout.splitlines()
    assert version.startswith("conda 2"), done.stderr
    # it has no `activate` before `conda activate`, as after the module of conda alone
    assert active == f"1 {os.path.realpath(CONDA)}/bin/python"
    assert (own, left, more) == (str(python), "as before", [])
    restored = shell("module restore work; command -v python; conda --version")
    assert restored.stdout.splitlines()[-2:] == [str(python), version]
