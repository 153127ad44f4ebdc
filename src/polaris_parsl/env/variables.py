"""Environment variables: for the programs that env starts, and for the cache.

Nothing that a user set for another Python may reach them: a PYTHONPATH or a user
site would change what pip takes for installed.
"""

import shlex
from collections.abc import Mapping
from pathlib import Path

from polaris_parsl.driver import working_folder
from polaris_parsl.env import own_cache
from polaris_parsl.errors import PrefixError
from polaris_parsl.files import checkout
from polaris_parsl.version import NAME

# uv and py-rattler start threads by the number of cores, and a login node, which has very many,
# limits the threads of a user.
_FEW_THREADS = {"RAYON_NUM_THREADS": "2", "TOKIO_WORKER_THREADS": "2"}

# scripts/bootstrap.py sets these for itself, and keeps the user's under the longer name
_GIVEN = {
    "PYTHONPATH": "POLARIS_BOOTSTRAP_PYTHONPATH",
    "PYTHONNOUSERSITE": "POLARIS_BOOTSTRAP_PYTHONNOUSERSITE",
}


def own_command(env: Mapping[str, str]) -> str:
    """Shell text that starts this command again, in the way in which it was started."""
    tree = checkout()
    if tree is None or _GIVEN["PYTHONPATH"] not in env:
        return NAME
    program, here = tree / "scripts" / "bootstrap.py", working_folder()
    if here in program.parents:
        program = program.relative_to(here)
    return f"python3 -I {shlex.quote(str(program))}"


def of_user(env: Mapping[str, str]) -> dict[str, str]:
    """The environment of the user's shell, from that of the command which it called."""
    theirs = dict(env)
    for name, kept in _GIVEN.items():
        if kept in theirs:
            theirs[name] = theirs.pop(kept)
    return {name: value for name, value in theirs.items() if value or name not in _GIVEN}


def for_python(env: Mapping[str, str]) -> dict[str, str]:
    """For a Python that must see its own packages only, with few threads; pip's settings stay."""
    kept = {
        name: value
        for name, value in env.items()
        if not name.startswith(("PYTHON", "UV_"))
        and name not in {"VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
    }
    # no byte code: a check must not write into the tree that it reads
    ours = {"PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return {**kept, **ours, **_FEW_THREADS, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def user_cache(env: Mapping[str, str]) -> Path:
    """Where what was fetched is kept for this user's next install; scripts/bootstrap.py has the same.

    Raises:
        PrefixError: it cannot be made, or somebody else owns or can write a part of it.
    """
    home = env.get("XDG_CACHE_HOME") or str(Path(env.get("HOME", "/"), ".cache"))
    folder = Path(home) / "polaris-parsl"
    try:
        why = own_cache.open_cache(str(folder))
    except OSError as error:
        raise PrefixError(
            f"cannot use the cache {folder}: {error.strerror}: {error.filename}",
            remedy="set XDG_CACHE_HOME to a directory that you may write",
        ) from error
    if why:
        raise PrefixError(f"the cache {folder} is not yours alone: {why}", remedy=own_cache.REMEDY)
    return folder
