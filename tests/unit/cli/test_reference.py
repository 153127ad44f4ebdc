"""The pages of the reference are those of the code."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from polaris_parsl.cli.reference import helps_of
from polaris_parsl.cli.table import PANELS

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """scripts/reference_pages.py."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        spec = importlib.util.spec_from_file_location(
            "reference_pages", ROOT / "scripts" / "reference_pages.py"
        )
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


@pytest.mark.parametrize("name", ["commands.md", "facts.md", "errors.md"])
def test_a_page_is_that_of_the_code(script: ModuleType, name: str) -> None:
    again = "the page is older than the code: run scripts/reference_pages.py"
    page = ROOT / "docs" / name
    assert page.read_text() == script.PAGES[page](), again


def test_the_page_of_commands_has_each_verb_with_its_options() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    found = re.findall(r"^### (.+)$", page, re.MULTILINE)
    verbs = [verb for verbs in PANELS.values() for verb in verbs]
    assert found == [usage.name for verb in verbs for usage in helps_of(verb)]
    assert "sandbox fault" in found
    for option in ("`--template", "`--wait`", "`--once`", "`--text`", "`--on-node`"):
        assert option in page


def test_the_page_of_errors_has_each_class_with_its_exit_code() -> None:
    page = (ROOT / "docs" / "errors.md").read_text()
    assert "`OptionError` | 5 |" in page
    assert "`RunError` | 21 |" in page


def test_each_fact_has_a_source(script: ModuleType) -> None:
    parts = re.split(r"^## ", script.facts_page(), flags=re.MULTILINE)[1:]
    sourced: set[str] = set()
    for part in parts:
        name, _, text = part.partition("\n")
        if "Source: " in text:
            sourced.add(name)
        above = {name.rsplit(".", count)[0] for count in range(1, name.count(".") + 1)}
        assert sourced & {name, *above} or "| fact |" not in text, name
