import inspect
from pathlib import Path

import pytest

import polaris_parsl
from polaris_parsl.options.reference import reference_page
from polaris_parsl.options.table import OPTIONS

ROOT = Path(__file__).parents[3]


def test_the_page_is_that_of_the_table() -> None:
    again = "the page is older than the table: run scripts/reference_pages.py"
    assert (ROOT / "docs" / "options.md").read_text() == reference_page(), again


@pytest.mark.parametrize("call", [polaris_parsl.config, polaris_parsl.explain])
def test_the_signature_of_a_call_has_every_option_for_notebooks_to_complete(call: object) -> None:
    parameters = inspect.signature(call).parameters  # type: ignore[arg-type]
    assert list(parameters) == list(OPTIONS)
    assert {each.kind for each in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}


def test_the_docstring_of_config_explains_every_option() -> None:
    text = " ".join((inspect.getdoc(polaris_parsl.config) or "").split())
    for option in OPTIONS.values():
        assert f"{option.name} ({option.type_in_words}): {option.help}" in text
    assert "{" not in text
