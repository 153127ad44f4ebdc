"""What a reader types: the pages whose commands are typed as they stand, in a new home directory."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

import builder
from code_blocks import TYPED, Block, Typed, blocks, commands, rows

PREFIX = "/eagle/PROJECT/polaris-parsl"
HOME = "/home/you"
MARK, CODE = "\x1e", "\x1f"
# What a page supposes to be there before its first command.
BEFORE: Mapping[str, str] = {
    "docs/sandbox.md": "echo 'print(42)' >my_workflow.py",
    "docs/environments.md": "mkdir me; cd me; echo 'import my_package' >workflow.py\n"
    'export PIP_NO_INDEX=1 PIP_FIND_LINKS="$HOME/wheels"',
}
# where versions differ from those that are shown, and other numbers with them
OTHER_NUMBERS = ("docs/environments.md",)
# Packages that stand for those of the reader: name, version, what they need.
WHEELS = (
    ("my-package", "1.0", "dill==0.1", "ipykernel"),
    ("dill", "0.1"),
    ("ipykernel-launcher", "6.30.1"),
)
# as much of ipykernel as is asked before a kernel is installed
IPYKERNEL = """\
import sys, types
__version__ = "6.30.1"
kernelspec = sys.modules["ipykernel.kernelspec"] = types.ModuleType("ipykernel.kernelspec")
kernelspec.get_kernel_dict = lambda: {"argv": [], "display_name": "", "language": "python"}
"""

PAGES = list(dict.fromkeys(row.document for row in rows() if row.by == TYPED))


def typed_in(page: str) -> list[Block]:
    """The blocks of a page that are typed."""
    chosen = [row for row in rows() if row.document == page and row.by == TYPED]
    return [block for block in blocks() if any(row.is_about(block) for row in chosen)]


def session(typed: list[Typed], *, init: Path, install: Any, home: Path, before: str) -> str:
    """A bash in which the commands are typed one after the other; prints a mark before each, and its exit code."""
    lines = "".join(f"printf '{MARK}'\n{each.command}\nprintf '{CODE}%s' $?\n" for each in typed)
    lines = lines.replace(f"{PREFIX}/modulefiles", quote(f"{install.prefix}/modulefiles"))
    # a page that loads the module itself starts without it
    load = f"module use {quote(str(install.prefix))}/modulefiles; module load polaris-parsl\n"
    script = (
        f". {init}\n{'' if PREFIX in ''.join(t.command for t in typed) else load}{before}\n{lines}"
    )
    file = home.with_name("typed.sh")
    file.write_text(script)
    done = subprocess.run(
        ["/bin/bash", "--noprofile", "--norc", file],
        stdin=subprocess.DEVNULL,
        cwd=home,
        env={
            "HOME": str(home),
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "PYTHONUNBUFFERED": "1",  # as at a terminal
            "COLUMNS": "160",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=1100,
    )
    return done.stdout


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_what_its_commands_print(
    page: str, install: Any, lmod: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    (home / "wheels").mkdir(parents=True)
    for package in WHEELS:
        builder.small_wheel(home / "wheels", *package)
    kernel = ("ipykernel", "6.30.1", "ipykernel-launcher")
    builder.small_wheel(home / "wheels", *kernel, module=IPYKERNEL)
    prefix = str(install.prefix)
    places = {
        quote(f"{prefix}/modulefiles"): f"{PREFIX}/modulefiles", prefix: PREFIX, f"{home}/me": "/eagle/PROJECT/me",
        str(home): HOME, sys.base_prefix: "/soft/applications/conda/2025-09-25/mconda3",
    }  # fmt: skip
    typed = [each for block in typed_in(page) for each in commands(block)]
    before = BEFORE.get(page, "")
    printed = session(typed, init=lmod, install=install, home=home, before=before)
    outputs = printed.split(MARK)[1:]
    assert len(outputs) == len(typed), printed
    for each, said in zip(typed, outputs, strict=True):
        output, code = said.split(CODE)
        for real, name in places.items():
            output = output.replace(real, name)
        fits = each.shows(output, {}) if page in OTHER_NUMBERS else each.fits(output)
        assert fits, f"$ {each.command}\n{output}\n-- shown:\n{each.shown}"
        # where nothing is shown, it is not known what went wrong
        assert each.shown or code == "0", f"$ {each.command}\n{output}\nexit code {code}"
