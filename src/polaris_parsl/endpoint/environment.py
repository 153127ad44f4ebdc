"""The environment of a Globus Compute endpoint and its workers."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from polaris_parsl.configuration.parsl_version import is_older
from polaris_parsl.errors import BaseEnvironmentError, MissingToolError, warn
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.paths import interpreter
from polaris_parsl.process import run

PROGRAM = "globus-compute-endpoint"
_OLDEST_PYTHON = (3, 11)  # the first with `python -P`, which a job uses to find its Parsl
_TIMEOUT_SECONDS = 120
_RELEASE = re.compile(r"[\w.+!-]+")
_VERSIONS = f"""\
import json, sys
from importlib.metadata import version
print(json.dumps([sys.version_info[:2], version({PROGRAM!r}), version("parsl")]))
"""


@dataclass(frozen=True)
class Environment:
    """An environment with globus-compute-endpoint.

    Attributes:
        python: its interpreter.
        release: release of globus-compute-endpoint.
        parsl: release of its Parsl.
    """

    python: Path
    release: str
    parsl: str

    @property
    def program(self) -> Path:
        """The command globus-compute-endpoint."""
        return self.python.with_name(PROGRAM)


def inspect(prefix: Path) -> Environment:
    """The versions of an environment.

    Args:
        prefix: directory of the environment: a venv or a conda prefix.

    Raises:
        MissingToolError: the environment has no globus-compute-endpoint.
        BaseEnvironmentError: its Python or Parsl is too old.
        OptionError: its path would break a job script.
    """
    folder = prefix.expanduser().absolute() / "bin"
    python = interpreter(folder / "python")
    newest = next(iter(polaris().globus_compute.tested))
    remedy = f"`pip install {PROGRAM}=={newest}` in an environment, and name it with --environment"
    if not python.is_file() or not (folder / PROGRAM).is_file():
        raise MissingToolError(f"there is no {PROGRAM} with its python in {folder}", remedy=remedy)
    try:
        done = run([python, "-I", "-B", "-c", _VERSIONS], timeout_seconds=_TIMEOUT_SECONDS)
    except OSError as error:
        raise MissingToolError(f"{python} does not run: {error}", remedy=remedy) from error
    if done.returncode != 0:
        problem = (done.stderr.strip().splitlines() or ["no error message"])[-1]
        raise MissingToolError(f"{python} does not find {PROGRAM}: {problem}", remedy=remedy)
    version, release, parsl = json.loads(done.stdout)
    _check_releases(python, tuple(version), release, parsl)
    return Environment(python, release, parsl)


def _check_releases(python: Path, version: tuple[int, ...], release: str, parsl: str) -> None:
    facts = polaris()
    if version < _OLDEST_PYTHON:
        raise BaseEnvironmentError(
            f"{python} is Python {'.'.join(map(str, version))}, older than "
            f"{'.'.join(map(str, _OLDEST_PYTHON))}",
            remedy="make the environment on the Python of the base, CPython 3.11 to 3.13",
        )
    for name, found in ((PROGRAM, release), ("Parsl", parsl)):
        if not _RELEASE.fullmatch(found):
            raise BaseEnvironmentError(
                f"{python} has {name} {found!r}, which is not a release", remedy="install it again"
            )
    newest = next(iter(facts.globus_compute.tested))
    remedy = f"`pip install {PROGRAM}=={newest}`, which brings a newer one"
    if is_older(parsl, facts.parsl.oldest):
        raise BaseEnvironmentError(
            f"Parsl {parsl} of {python} is older than {facts.parsl.oldest}, the oldest that "
            "polaris_parsl works with",
            remedy=remedy,
        )
    if is_older(parsl, facts.parsl.knows_finished):
        warn(
            f"Parsl {parsl} of {python} takes a finished PBS job for one in an unknown state: when a "
            f"block fails while tasks wait, the endpoint submits another at every poll; {remedy}"
        )
