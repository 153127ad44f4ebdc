"""The isolation of nodes that a test of the sandbox needs."""

import pytest

from polaris_parsl.errors import SandboxError
from polaris_parsl.sandbox.linux.isolation import choose_isolation


def need(isolation: str) -> None:
    """Skip the test, with its name and the reason, where the machine does not allow it."""
    try:
        choose_isolation(isolation)
    except SandboxError as error:
        pytest.skip(f"isolation {isolation}: {error.problem}")
