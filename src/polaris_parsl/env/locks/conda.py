"""conda-lock.yml: written and checked by conda-lock itself."""

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from polaris_parsl.env.locks.files import CONDA_LOCK, overlay_lock
from polaris_parsl.env.locks.solvers import conda_command, solve, write_program
from polaris_parsl.env.network import open_url
from polaris_parsl.env.release_names import CURRENT
from polaris_parsl.errors import LockError
from polaris_parsl.process import WORK_SECONDS, run

_CHANNEL_ALIAS = "https://conda.anaconda.org"
_CHANNEL_TIMEOUT_SECONDS = 10


def reach_channels(environment: Path, *, env: Mapping[str, str]) -> None:
    """Ask each channel of an environment.yml for a sign of life.

    Raises:
        LockError: one does not answer.
    """
    for name in yaml.safe_load(environment.read_text(encoding="utf-8")).get("channels", []):
        root = name if "://" in name else f"{_CHANNEL_ALIAS}/{name}"
        url = f"{root.rstrip('/')}/noarch/repodata.json"
        try:
            timeout = _CHANNEL_TIMEOUT_SECONDS
            open_url(url, env=env, timeout_seconds=timeout, method="HEAD").close()
        except (OSError, HTTPException, ValueError) as error:
            raise LockError(
                f"the conda channel {name} does not answer: {url}: {error}",
                remedy="set the site's proxy (https_proxy), or give recorded files with --repodata",
            ) from error


def check_repodata(repodata: Path) -> None:
    """Refuse a directory without the recorded files of both subdirs.

    Raises:
        LockError: one is missing.
    """
    for subdir in ("linux-64", "noarch"):
        if not list(repodata.glob(f"{subdir}.repodata.json*")):
            raise LockError(
                f"{repodata} holds no {subdir}.repodata.json (nor that with .gz)",
                remedy="give the directory with the recorded files of all subdirs",
            )


# An index has its wheels where it likes; the hash says which one is meant. pip fills in the variable.
_WHEEL = re.compile(r"(?<=^  url: )\S+/(?=[^/\s]+\.whl$)", re.MULTILINE)
_ANYWHERE = "${LOCKED_WHEELS}/"


def lock_conda(
    environment: Path, folder: Path, *, within: Path, conda: Sequence[str], env: Mapping[str, str]
) -> None:
    """Solve an environment.yml into a folder: its conda part, and its `pip:` section.

    Args:
        environment: the environment.yml.
        within: overlay.lock, which pins what the `pip:` section may bring.
        folder: an empty directory; conda-lock.yml is left in it.
        conda: the command that solves, from solvers.conda_command.
        env: environment variables.

    Raises:
        LockError: it has no solution.
    """
    command = [*_conda_lock(environment, folder, within, conda), "--metadata", "input_md5"]
    # one of the two alone makes a file that conda-lock cannot read again
    command += ["--metadata", "input_sha"]
    solve(command, "conda-lock", cwd=folder, env=_fixed(env))
    lock = folder / CONDA_LOCK
    lock.write_text(_WHEEL.sub(_ANYWHERE, lock.read_text(encoding="utf-8")), encoding="utf-8")


def is_solved_from(environment: Path, lock: Path, *, env: Mapping[str, str]) -> bool:
    """Whether conda-lock finds the hash of an environment.yml in a lock; offline."""
    with TemporaryDirectory(prefix="polaris-parsl-lock-") as scratch:
        folder = Path(scratch)
        # conda-lock solves where the hash is another one: over no records at all, it fails
        solver = conda_command(None, repodata=folder / "none", env=env)
        within = environment.with_name(overlay_lock(CURRENT))
        command = [*_conda_lock(environment, folder, within, solver), "--check-input-hash"]
        shutil.copyfile(lock, folder / CONDA_LOCK)
        return (
            run(command, cwd=folder, env=_fixed(env), timeout_seconds=WORK_SECONDS).returncode == 0
        )


def _conda_lock(
    environment: Path, folder: Path, within: Path, conda: Sequence[str]
) -> list[str | Path]:
    shutil.copyfile(environment, folder / "environment.yml")
    write_program(folder / "conda", conda)
    # conda-lock fetches this map otherwise: which conda package is which of the index
    names = folder / "names.json"
    names.write_text("{}", encoding="utf-8")
    program = Path(__file__).with_name("conda_lock_program.py")
    command: list[str | Path] = [sys.executable, "-P", program, within.resolve(), "lock"]
    command += ["--conda", folder / "conda", "--file", "environment.yml", "--lockfile", CONDA_LOCK]
    return [*command, "--pypi_to_conda_lookup_file", names.as_uri()]


def _fixed(env: Mapping[str, str]) -> dict[str, str]:
    # a comment that conda-lock writes follows the order of a set
    return {**env, "PYTHONHASHSEED": "0"}
