"""The code blocks of README and docs/, and the table that says how each is checked."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/*.md")
TABLE = ROOT / "tests" / "documents" / "blocks.toml"
TYPED = "typed"

# what differs from run to run and from install to install
_DIFFERS = {
    r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b": "UUID",
    r"\b[0-9a-f]{64}\b": "SHA256",
    r"SHA256:[0-9A-Za-z+/]{43}": "KEY",
    r"\d+": "N",
}
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A code block.

    Attributes:
        document: the file, from the top of the source tree.
        line: where it begins there.
        kind: what stands behind the quotes.
        text: what is in it.
    """

    document: str
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        document: whose blocks it is about.
        begins: how these begin; empty for all.
        by: the test that reads or runs them, or TYPED.
        because: why none does.
    """

    document: str
    begins: tuple[str, ...] = ()
    by: str = ""
    because: str = ""

    def is_about(self, block: Block) -> bool:
        """Whether it says how a block is checked."""
        is_named = not self.begins or any(block.text.startswith(each) for each in self.begins)
        return block.document == self.document and is_named


def blocks() -> list[Block]:
    """All code blocks."""
    return [
        block for pattern in DOCUMENTS for path in sorted(ROOT.glob(pattern)) for block in of(path)
    ]


def of(path: Path) -> Iterator[Block]:
    """The code blocks of a document."""
    text = path.read_text()
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(str(path.relative_to(ROOT)), line, found[1], found[2])


def block(document: str, begin: str) -> Block:
    """The block of a document that begins so."""
    (found,) = [each for each in of(ROOT / document) if each.text.startswith(begin)]
    return found


def typed(document: str, begin: str) -> list["Typed"]:
    """The commands of that block."""
    return commands(block(document, begin))


def rows() -> list[Row]:
    """The table."""
    read = tomllib.loads(TABLE.read_text())
    return [Row(**{**each, "begins": tuple(each.get("begins", ()))}) for each in read["block"]]


@dataclass(frozen=True)
class Typed:
    """A command of a console block, and what the document shows of its output."""

    command: str
    shown: str

    def fits(self, printed: str) -> bool:
        """Whether it printed what is shown; `...` stands for anything, in a line or for lines."""
        pattern = r"(?:.*\n)*?" if self.shown else ""
        parts = [self._line(line) for line in self.shown.splitlines()]
        return re.fullmatch("".join(parts) or pattern, printed) is not None

    def shows(self, printed: str, places: Mapping[Any, str]) -> bool:
        """The same, whatever numbers, versions and digests are in it.

        Args:
            printed: by the command.
            places: what the document calls the paths of this test; the first that fits counts.
        """
        for real, name in places.items():
            printed = printed.replace(str(real), name)
        return Typed(self.command, _blurred(self.shown)).fits(_blurred(printed))

    @staticmethod
    def _line(line: str) -> str:
        if line == "...":
            return r"(?:.*\n)*?"
        # columns are as wide as what stands in them
        parts = (re.sub(r"(?:\\ ){2,}", " {2,}", re.escape(part)) for part in line.split("..."))
        return ".*".join(parts) + r"\n"


def _blurred(text: str) -> str:
    for pattern, word in _DIFFERS.items():
        text = re.sub(pattern, word, text)
    return text


def commands(block: Block) -> list[Typed]:
    """The commands of a block: of a console with what they print, of a script each line."""
    if block.kind == "bash":
        return [Typed(line, "") for line in block.text.splitlines()]
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert not parts[0], f"{block}: a console block begins with a command"
    return [Typed(*(part.partition("\n")[::2])) for part in parts[1:]]
