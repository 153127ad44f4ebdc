"""conda-lock, whose Python solver knows the interpreter, asks an index as pip does, and stays within a lock.

    python conda_lock_program.py overlay.lock ARGUMENT...     arguments of conda-lock

It is started by its path and imports nothing of this package. Three things differ from conda-lock 4:

- Of the variables of environment markers, conda-lock gives its solver only some. Where one is missing,
  the solver takes a dependency in: pyzmq would bring what it needs on PyPy.
- conda-lock asks for each version by an address that only the public index has. A mirror has the list
  of all versions, which pip and uv read.
- Of each package it sees the version that overlay.lock pins for all supported Pythons. So both locks
  have the same versions.
"""

import os
import re
import sys
from pathlib import Path
from typing import Any

import conda_lock.pypi_solver
from conda_lock._vendor.poetry.repositories.legacy_repository import LegacyRepository
from conda_lock.conda_lock import main
from packaging.utils import canonicalize_name
from packaging.version import Version

_INTERPRETER = {
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "platform_machine": "x86_64",
}
_PIN = re.compile(r"^([\w.-]+)==([^\s;\\]+)", re.MULTILINE)


class _PinnedIndex(LegacyRepository):
    """An index of which only the pinned versions are seen."""

    def __init__(self, url: str, pins: dict[str, Version]) -> None:
        super().__init__("index", url)
        self._pins = pins

    def find_packages(self, dependency: Any) -> list[Any]:
        """The pinned version, where it satisfies the dependency."""
        pin = self._pins.get(canonicalize_name(dependency.name))
        found = super().find_packages(dependency)
        return [each for each in found if pin and Version(str(each.version)) == pin]


def _adapt(solver: Any, pins: dict[str, Version]) -> None:
    public = solver.PyPiRepository()._base_url
    named = (os.environ.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"))
    index = next(filter(None, named), f"{public}simple/")
    known = solver.PlatformEnv.get_marker_env
    solver.PlatformEnv.get_marker_env = lambda env: {**known(env), **_INTERPRETER}
    solver.PyPiRepository = lambda: _PinnedIndex(index, pins)


if __name__ == "__main__":
    if ca := os.environ.get("SSL_CERT_FILE"):
        # pip and uv read this one, conda-lock's library the other
        os.environ.setdefault("REQUESTS_CA_BUNDLE", ca)
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    _adapt(
        conda_lock.pypi_solver,
        {canonicalize_name(name): Version(version) for name, version in _PIN.findall(text)},
    )
    sys.argv[:2] = ["conda-lock"]
    main()
