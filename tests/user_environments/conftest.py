"""An environment of a user's on the install of this run, and what a user puts into it."""

import os
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from polaris_parsl.env.venv import VenvPlan, make_venv, plan_venv


@pytest.fixture(scope="session")
def venv(install: Any, tmp_path_factory: pytest.TempPathFactory) -> VenvPlan:
    """An environment on the install, in a path with blanks; tests only add to it."""
    folder = tmp_path_factory.mktemp("user") / "my environment"
    plan = plan_venv(folder, install.root, env=os.environ)
    make_venv(plan, env=os.environ)
    return plan


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of the user's own, which needs packages of the overlay and of the base."""
    path = tmp_path_factory.mktemp("wheel") / "my_science-1.0-py3-none-any.whl"
    info = "my_science-1.0.dist-info"
    metadata = "Metadata-Version: 2.1\nName: my-science\nVersion: 1.0\n"
    metadata += "".join(f"Requires-Dist: {name}\n" for name in ("parsl", "dill", "pip"))
    files = {
        "my_science.py": "def answer():\n    return 42\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nmy-answer = my_science:answer\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with ZipFile(path, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(name, text)
    return path
