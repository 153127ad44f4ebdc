"""An environment of a user's on the install of this run, and what a user puts into it."""

import os
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import builder
from builder import Install
from polaris_parsl.env.user.venv import VenvPlan, make_venv, plan_venv
from shared import Shared


@pytest.fixture(scope="session")
def venv(install: Any, shared: Shared) -> VenvPlan:
    """An environment on the install, in a path with blanks; no test changes it."""

    def build(folder: Path) -> VenvPlan:
        plan = plan_venv(folder / "my environment", install.root, env=os.environ)
        make_venv(plan, env=os.environ)
        return plan

    return shared.make("environment", build)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of the user's own, which needs packages of the overlay and of the base."""
    return builder.small_wheel(
        tmp_path_factory.mktemp("wheel"), "my-science", "1.0", "parsl", "dill", "pip",
        module="def answer():\n    return 42\n", command="my-answer = my_science:answer",
    )  # fmt: skip


# It does what matters here of ALCF's own: a variable that only the module sets.
_CONDA = 'setenv("CUDA_HOME", "/soft/cuda")\n'


@pytest.fixture(scope="session")
def jupyter_install(filled_cache: Path, shared: Shared) -> Install:
    """An install on a base with ipykernel and what that needs, as ALCF's has, and in a module."""

    def build(folder: Path) -> Install:
        base = builder.stand_in_base(folder / "conda base", conda=True)
        for name in _required("ipykernel"):
            _link(name, builder.site_packages(base))
        tree = folder / "soft"
        (tree / "conda").mkdir(parents=True)
        (tree / "conda" / "2025-09-25.lua").write_text(_CONDA)
        env = {**builder.user_environment(folder, filled_cache), "MODULEPATH": str(tree)}
        options = ["--base", base, "--base-module", "conda/2025-09-25"]
        command = builder.install_command(builder.REPOSITORY, *options)
        return builder.installed(folder / "project with spaces", *command, env=env)

    return shared.make("jupyter-install", build)


def _required(name: str) -> set[str]:
    """A distribution of the environment of the tests, and all that it requires here."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        each = canonicalize_name(waiting.pop())
        if each not in found:
            found.add(each)
            needed = [Requirement(text) for text in distribution(each).requires or ()]
            waiting += [
                one.name for one in needed if not one.marker or one.marker.evaluate({"extra": ""})
            ]
    return found


def _link(name: str, site_packages: Path) -> None:
    """Show a distribution of the environment of the tests in another place, too."""
    files = distribution(name).files or []
    for top in {file.parts[0] for file in files} - {"..", "__pycache__", "bin", "share"}:
        source = Path(str(distribution(name).locate_file(top)))
        if source.exists():
            (site_packages / top).symlink_to(source)
