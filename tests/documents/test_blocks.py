"""Every code block of README and docs/ is checked by something, or says in one place why not."""

import ast
import subprocess
import tomllib
from pathlib import Path

import pytest

from code_blocks import ROOT, TYPED, Block, Row, Typed, blocks, rows

BLOCKS = blocks()
ROWS = rows()


def test_blocks_are_found() -> None:
    assert len(BLOCKS) > 80
    assert {block.kind for block in BLOCKS} >= {"bash", "console", "python", "text", "toml"}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_the_table_says_once_how_a_block_is_checked(block: Block) -> None:
    found = [row for row in ROWS if row.is_about(block)]
    assert len(found) == 1, f"tests/documents/blocks.toml has {len(found)} rows for it"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.document} {' '.join(row.begins)}")
def test_each_row_of_the_table_is_about_blocks_and_names_a_test_that_reads_them(row: Row) -> None:
    for begin in row.begins or ("",):
        named = [b for b in BLOCKS if b.document == row.document and b.text.startswith(begin)]
        assert named, f"no block of {row.document} begins with {begin!r}"
    assert bool(row.by) != bool(row.because)
    if row.by and row.by != TYPED:
        name = row.document.rpartition("/")[2]
        assert name in (ROOT / row.by).read_text(), f"{row.by} does not read {name}"


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.kind == "python"], ids=str)
def test_python_is_python(block: Block) -> None:
    ast.parse(block.text)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.kind == "toml"], ids=str)
def test_toml_can_be_read(block: Block) -> None:
    assert tomllib.loads(block.text)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.kind == "bash"], ids=str)
def test_shell_lines_are_those_of_bash(block: Block) -> None:
    done = subprocess.run(
        ["/bin/bash", "-n"], input=block.text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("shown", "printed", "fits"),
    [
        ("a\n", "a\n", True),
        ("a\n", "a\nb\n", False),
        ("a\n...\n", "a\nb\nc\n", True),
        ("...\nb\n", "b\n", True),
        ("a ... c\n", "a b b c\n", True),
        ("a ... c\n", "a b\nc\n", False),
        ("", "", True),
        ("", "a\n", False),
    ],
)
def test_what_is_shown_is_compared_with_what_is_printed(
    shown: str, printed: str, fits: bool
) -> None:
    assert Typed("x", shown).fits(printed) is fits


def test_paths_and_numbers_may_differ_where_a_test_says_so() -> None:
    shown = Typed("x", f"made /eagle/a/2026.11.0 with 17 files, sha256 {'0' * 64}\nnext: x\n")
    printed = f"made /tmp/b/2027.1.0 with 9574 files, sha256 {'7' * 64}\nnext: x\n"
    assert shown.shows(printed, {Path("/tmp/b"): "/eagle/a"})
    assert not shown.shows(printed, {})
    assert not shown.shows(printed.replace("made", "took"), {"/tmp/b": "/eagle/a"})
    assert not shown.fits(printed.replace("/tmp/b", "/eagle/a"))
