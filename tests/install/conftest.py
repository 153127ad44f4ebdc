"""The locked base of the install of this run, and what it is made of."""

from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.env.locks.files import CondaPackage, base_packages


@pytest.fixture(scope="session")
def packages(conda_source: Path) -> list[CondaPackage]:
    return base_packages(conda_source / "conda-lock.yml")


@pytest.fixture(scope="session")
def own_base(locked_install: Any) -> Path:
    """The base of the install."""
    (found,) = (locked_install.prefix / "bases").iterdir()
    return Path(found)
