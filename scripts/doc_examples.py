#!/usr/bin/env python3
"""Print how each code block of README, CONTRIBUTING and docs/ is checked, as Markdown.

    .venv/bin/python scripts/doc_examples.py

tests/documents/blocks.toml says it, and tests/documents/test_blocks.py compares that with the documents.
"""

import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from code_blocks import TYPED, Block, Row, blocks, rows


def table() -> str:
    """A row for each block, with the counts below."""
    known = rows()
    lines = ["| block | kind | begins | checked by |", "|---|---|---|---|"]
    counts: dict[str, int] = defaultdict(int)
    for block in blocks():
        (row,) = [each for each in known if each.is_about(block)]
        counts[_way(row)] += 1
        lines.append(f"| {block} | {block.kind} | {_first(block)} | {_words(row)} |")
    total = ", ".join(f"{count} {way}" for way, count in counts.items())
    return "\n".join([*lines, "", f"{sum(counts.values())} blocks: {total}."])


def _way(row: Row) -> str:
    return TYPED if row.by == TYPED else "run or read by a test of its own" if row.by else "not run"


def _words(row: Row) -> str:
    return f"{row.by}" if row.by else f"not run: {row.because}"


def _first(block: Block) -> str:
    first = block.text.partition("\n")[0][:60].replace("|", "\\|")
    return f"`` {first} ``"


if __name__ == "__main__":
    print(table())
