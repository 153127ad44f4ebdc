"""Any text comes out of Lua as it went into a template."""

import os
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polaris_parsl.env.modulefile import comment, lua

LUA = shutil.which("lua5.3") or shutil.which("lua")


@pytest.fixture
def interpreter() -> str:
    if LUA is None:
        if "lmod" in os.environ.get("POLARIS_PARSL_REQUIRE", ""):
            pytest.fail("lua is required")
        pytest.skip("lua is not on this machine")
    return LUA


def printed(program: str, interpreter: str) -> bytes:
    done = subprocess.run(
        [interpreter, "-"], input=program.encode(), capture_output=True, check=True
    )
    return done.stdout


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(), min_size=1, max_size=20))
def test_any_text_survives_quoting(texts: list[str]) -> None:
    if LUA is None:
        pytest.skip("lua is not on this machine")
    program = "".join(f"io.write({lua(text)}, '\\0\\1')\n" for text in texts)
    assert printed(program, LUA) == "".join(f"{text}\0\1" for text in texts).encode()


@pytest.mark.parametrize(
    "text", ['"', "\\", "\n", "\r\n", "]==]", "]]", "\0", "\0071", "a\\n", "ä"]
)
def test_awkward_text_survives_quoting(text: str, interpreter: str) -> None:
    assert printed(f"io.write({lua(text)})", interpreter) == text.encode()


@given(text=st.text())
def test_a_comment_stays_on_its_line(text: str) -> None:
    assert len(comment(text).splitlines()) <= 1
    assert "\n" not in comment(text)
