"""A version that is younger than the cache of the system is shown and loaded at once."""

from collections.abc import Callable
from typing import Any

import pytest

import places

Shell = Callable[..., Any]
# older Lmods take any value of LMOD_IGNORE_CACHE for yes
MAKE = """
$LMOD_DIR/update_lmod_system_cache_files -d "$HOME/cache" -t "$HOME/cache/stamp" "$MODULEPATH" >/dev/null 2>&1
echo "scDescriptT = {{ dir = '$HOME/cache', timestamp = '$HOME/cache/stamp' }}" >rc.lua
grep -c polaris-parsl/2.0 cache/spiderT.lua
"""
LOOK = """
unset LMOD_IGNORE_CACHE
module -t avail polaris-parsl 2>&1 | grep /3.0
module --ignore_cache -t spider polaris-parsl 2>&1 | grep /3.0
module load polaris-parsl; echo $POLARIS_PARSL_VERSION; module purge
module load polaris-parsl/3.0; echo $POLARIS_PARSL_VERSION
"""


HIDDEN = """
unset LMOD_IGNORE_CACHE
module load polaris-parsl && echo "it loaded"
export LMOD_CACHED_LOADS=no; module load polaris-parsl; python
"""


@pytest.fixture
def prefix_name() -> str:
    """The common one."""
    return "project"


def test_a_cache_of_the_system_hides_no_new_version_from_avail_and_load(
    place: places.Place, shell: Shell, tmp_path: Any
) -> None:
    tree = {"MODULEPATH": f"{place.prefix}/{place.tree}"}
    made = shell(MAKE, **tree)
    assert int(made.stdout) > 0, made.stderr
    place.add("3.0")
    place.defaults("3.0")
    seen = shell(LOOK, **tree, LMOD_RC=str(tmp_path / "rc.lua"))
    assert seen.stdout.split() == ["polaris-parsl/3.0", "polaris-parsl/3.0", "3.0", "3.0"], (
        seen.stderr
    )


def test_a_module_that_only_the_cache_of_lmod_does_not_know_is_not_called_gone(
    place: places.Place, shell: Shell, tmp_path: Any
) -> None:
    tree = {"MODULEPATH": f"{place.prefix}/{place.tree}"}
    assert int(shell(MAKE, **tree).stdout) > 0
    cached = {**tree, "LMOD_RC": str(tmp_path / "rc.lua"), "LMOD_CACHED_LOADS": "yes"}
    done = shell(HIDDEN, **cached)
    message = " ".join(done.stderr.split())
    assert "conda/2025-09-25, which is there, but a cache of Lmod does not know it" in message
    assert "export LMOD_CACHED_LOADS=no, and load this module again" in message
    assert done.stdout == "python of conda/2025-09-25\n"
