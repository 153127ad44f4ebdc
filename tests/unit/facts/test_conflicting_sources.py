import datetime

from polaris_parsl.facts.conflicting_sources import (
    ConflictingSource,
    all_conflicting_sources,
    conflicting_sources_of,
    show,
)

DAY = datetime.date(2026, 11, 22)
ENTRY = {"fact": "a", "other": 2, "source": "a page", "checked": DAY, "why": "it is older"}
OTHER = ConflictingSource("a", 2, "a page", DAY, "it is older")


def test_a_conflicting_source_says_the_other_value_its_source_and_why_it_is_not_used() -> None:
    assert conflicting_sources_of({"a": 1, "conflicting_sources": [ENTRY]}) == (OTHER,)
    assert conflicting_sources_of({"a": 1}) == ()
    assert str(OTHER) == "a = 2 in a page; not used because it is older"


def test_conflicting_sources_are_found_in_tables_at_any_depth_and_in_lists_of_tables() -> None:
    table = {"a": 1, "conflicting_sources": [ENTRY]}
    data = {"one": table, "two": {"three": table}, "many": [{"a": 1}, table]}
    assert list(all_conflicting_sources(data)) == [
        ("one", OTHER),
        ("two.three", OTHER),
        ("many", OTHER),
    ]


def test_values_are_shown_as_a_person_writes_them() -> None:
    assert show({"user": 1, "project": 20}) == "1/user, 20/project"
    assert show(["hsn0", "bond0"]) == "hsn0, bond0"
    assert show(128) == "128"
    assert show({}) == ""
