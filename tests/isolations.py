"""The isolation of nodes that a test of the sandbox needs."""

from functools import cache

import pytest

from polaris_parsl.errors import SandboxError
from polaris_parsl.sandbox.linux.isolation import choose_isolation


def need(isolation: str) -> None:
    """Skip the test, with its name and the reason, where the machine does not allow it."""
    if problem := _problem(isolation):
        pytest.skip(f"isolation {isolation}: {problem}")


@cache
def _problem(isolation: str) -> str:
    """Why the machine does not allow it, "" if it does; that is tried once."""
    try:
        choose_isolation(isolation)
    except SandboxError as error:
        return error.problem
    return ""
