"""A version that is younger than the cache of the system is shown and loaded at once."""

from collections.abc import Callable
from typing import Any

import pytest

import places

Shell = Callable[..., Any]
MAKE = """
$LMOD_DIR/update_lmod_system_cache_files -d "$HOME/cache" -t "$HOME/cache/stamp" "$MODULEPATH" >/dev/null 2>&1
echo "scDescriptT = {{ dir = '$HOME/cache', timestamp = '$HOME/cache/stamp' }}" >rc.lua
grep -c polaris-parsl/2.0 cache/spiderT.lua
"""
LOOK = """
module -t avail polaris-parsl 2>&1 | grep /3.0
module --ignore_cache -t spider polaris-parsl 2>&1 | grep /3.0
module load polaris-parsl; echo $POLARIS_PARSL_VERSION; module purge
module load polaris-parsl/3.0; echo $POLARIS_PARSL_VERSION
"""


@pytest.fixture
def prefix_name() -> str:
    """The common one."""
    return "project"


def test_a_cache_of_the_system_hides_no_new_version_from_avail_and_load(
    place: places.Place, shell: Shell, tmp_path: Any
) -> None:
    tree = {"MODULEPATH": f"{place.prefix}/{place.tree}", "LMOD_IGNORE_CACHE": "no"}
    made = shell(MAKE, **tree)
    assert int(made.stdout) > 0, made.stderr
    place.add("3.0")
    place.defaults("3.0")
    seen = shell(LOOK, **tree, LMOD_RC=str(tmp_path / "rc.lua"))
    assert seen.stdout.split() == ["polaris-parsl/3.0", "polaris-parsl/3.0", "3.0", "3.0"], (
        seen.stderr
    )
