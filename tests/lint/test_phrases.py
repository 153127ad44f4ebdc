"""No file uses a word or turn of phrase of banned_phrases.toml."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_name("banned_phrases.toml")
PHRASES: list[dict[str, Any]] = tomllib.loads(LIST.read_text())["phrase"]
# Written by programs or by others.
NOT_OURS = ("tests/recorded/", "tests/published/published.toml", "docs/rooms.svg")
SUFFIXES = (".py", ".md", ".sh", ".toml", ".j2", ".lua", ".c", ".yml", ".json", ".cff", "/run")


@dataclass(frozen=True)
class Allowed:
    """A place where a phrase is right."""

    because: str
    path: str = ""
    text: str = ""


def flat(text: str) -> str:
    """The text on one line: string literals that continue, comments and paragraphs joined."""
    text = re.sub(r"""["']\s*\n\s*[fr]?["']""", "", text)
    return re.sub(r"\s*\n\s*(?:#\s+)?|\s+", " ", text)


@cache
def texts() -> dict[str, str]:
    """What we wrote, by file; the name of the file counts, too."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return {
        name: f"{name} {flat((ROOT / name).read_text())}"
        for name in listed
        if name.endswith(SUFFIXES)
        and not name.startswith(NOT_OURS)
        and name != str(LIST.relative_to(ROOT))
        and (ROOT / name).is_file()
    }


@cache
def lowered(text: str) -> str:
    """The text in small letters."""
    return text.lower()


def uses(old: str, exceptions: list[Allowed], files: dict[str, str]) -> Iterator[str]:
    """Where a phrase is used, with some text around it."""
    words = r"[ _-]".join(map(re.escape, old.split()))
    pattern = re.compile(rf"(?<![A-Za-z]){words}(?![A-Za-z])", re.IGNORECASE)
    first = old.split(maxsplit=1)[0].lower()
    for name, text in files.items():
        # most files hold no such word: a plain search is much faster than the pattern
        if first not in lowered(text):
            continue
        rest = text
        for each in exceptions:
            if name.startswith(each.path):
                rest = re.sub(each.text, "", rest, flags=re.IGNORECASE) if each.text else ""
        for match in pattern.finditer(rest):
            yield f"{name}: ...{rest[max(0, match.start() - 40) : match.end() + 30]}..."


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase["old"])
def test_nobody_writes(phrase: dict[str, Any]) -> None:
    exceptions = [Allowed(**each) for each in phrase.get("except", [])]
    found = list(uses(phrase["old"], exceptions, texts()))
    assert found == [], f"write instead: {phrase['better']}"


def test_an_exception_is_still_needed() -> None:
    for phrase in PHRASES:
        for each in phrase.get("except", []):
            others = [Allowed(**other) for other in phrase["except"] if other != each]
            allowed = set(uses(phrase["old"], [*others, Allowed(**each)], texts()))
            assert set(uses(phrase["old"], others, texts())) - allowed, (phrase["old"], each)


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("the option widgets win", True),
        ("option_widgets = 3", True),
        ("Widgets", True),
        ("midgets, widgetsmith", False),
        ("the\n# widgets", True),
        ('"the wid"\n  "gets"', True),
    ],
)
def test_a_phrase_is_found_in_prose_in_names_and_over_line_breaks(
    text: str, is_found: bool
) -> None:
    assert bool(list(uses("widgets", [], {"file": flat(text)}))) is is_found
