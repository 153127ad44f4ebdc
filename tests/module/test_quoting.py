"""Any text comes out of Lua and Tcl as it went into a template."""

import os
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris_parsl.env.modules.modulefile import comment, lua, tcl

# Programs that print a text and an end mark, in the language of the modulefile.
INTERPRETERS = {
    "lua": shutil.which("lua5.3") or shutil.which("lua"),
    "tcl": shutil.which("tclsh"),
}
_END = "\0\1"


def printed(language: str, texts: list[str]) -> str:
    """What an interpreter prints for the quoted texts, each with an end mark behind it."""
    interpreter = INTERPRETERS[language]
    if interpreter is None:
        if "lmod" in os.environ.get("POLARIS_PARSL_REQUIRE", ""):
            pytest.fail(f"an interpreter of {language} is required")
        pytest.skip(f"no interpreter of {language} is on this machine")
    if language == "lua":
        program = "".join(f"io.write({lua(text + _END)})\n" for text in texts)
    else:
        program = "fconfigure stdout -translation binary -encoding utf-8\n"
        program += "".join(f"puts -nonewline {tcl(text + _END)}\n" for text in texts)
    done = subprocess.run(
        [interpreter, "/dev/stdin"],
        input=program.encode(),
        env={"LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode()


@pytest.mark.parametrize("language", INTERPRETERS)
@given(texts=st.lists(st.text(), min_size=1, max_size=20))
def test_any_text_survives_quoting(language: str, texts: list[str]) -> None:
    assert printed(language, texts) == "".join(text + _END for text in texts)


@pytest.mark.parametrize("language", INTERPRETERS)
def test_awkward_text_survives_quoting(language: str) -> None:
    texts = [
        '"', "\\", "\n", "\r\n", "]==]", "]]", "\0", "\0071", "a\\n", "ä", "€", "😀",
        "[exec touch /nowhere]", "$env(HOME)", "${x}", "{", "}", "};", "; puts x", "# no comment",
        "\\[puts x\\]", "\\u005bputs x]", "a\\",
    ]  # fmt: skip
    assert printed(language, texts) == "".join(text + _END for text in texts)


@given(text=st.text())
def test_a_comment_stays_on_its_line(text: str) -> None:
    assert len(comment(text).splitlines()) <= 1
    assert "\n" not in comment(text)
