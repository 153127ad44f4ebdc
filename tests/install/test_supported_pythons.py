"""The supported Pythons are written down in four places, for four readers; they must agree."""

import tomllib

import builder
from polaris_parsl.env.base import choice as base
from polaris_parsl.env.installer import wheels
from polaris_parsl.env.locks import python as lock_python


def test_bootstrap_base_locks_and_project_support_the_same_pythons() -> None:
    bootstrap = builder.load_bootstrap()
    assert (bootstrap.OLDEST, bootstrap.NEWEST) == (base.OLDEST, base.NEWEST)
    project = tomllib.loads((builder.REPOSITORY / "pyproject.toml").read_text())["project"]
    (oldest, newest) = (f"3.{base.OLDEST[1]}", f"3.{base.NEWEST[1] + 1}")
    assert project["requires-python"] == f">={oldest},<{newest}"
    assert f'requires-python = ">={oldest},<{newest}"' in lock_python._PROJECT
    listed = [c.rpartition(" ")[2] for c in project["classifiers"] if "Python :: 3." in c]
    assert listed == [f"3.{minor}" for minor in range(base.OLDEST[1], base.NEWEST[1] + 1)]


def test_bootstrap_fetches_the_same_wheels_as_an_install() -> None:
    assert tuple(builder.load_bootstrap().PLATFORMS) == wheels.PLATFORMS
