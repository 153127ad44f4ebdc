"""A release of Parsl that changes its inside is refused by the name of what it changed."""

import inspect
from collections.abc import Iterator
from types import CodeType
from typing import Any

import pytest

import polaris_parsl
from polaris_parsl.configuration.parsl_internals import check, internal
from polaris_parsl.configuration.parsl_internals.check import (
    INTERNALS,
    changed_internals,
    check_parsl_internals,
)
from polaris_parsl.configuration.parsl_internals.internal import Internal, find
from polaris_parsl.errors import BaseEnvironmentError
from polaris_parsl.facts.polaris import polaris

NEWEST = polaris().parsl.newest_tested


@pytest.fixture(autouse=True)
def _look_again() -> Iterator[None]:
    check_parsl_internals.cache_clear()
    yield
    check_parsl_internals.cache_clear()


def refusal() -> str:
    """What users read at the first use of the package."""
    with pytest.raises(BaseEnvironmentError) as error:
        _ = polaris_parsl.config
    assert f"parsl=={NEWEST}" in error.value.remedy
    return error.value.problem


def test_the_installed_parsl_has_all_of_it() -> None:
    assert changed_internals(NEWEST) == []
    check_parsl_internals()


def test_each_says_what_it_is_for_and_since_when() -> None:
    for each in INTERNALS:
        assert each.purpose
        assert each.since.startswith("20")
    names = [each.name for each in INTERNALS]
    assert len(set(names)) == len(names)


def cases() -> list[Any]:
    """Each internal with each function that must use it, or set it."""
    return [
        pytest.param(each, user, id=f"{each.name} in {user.rpartition('.')[2]}")
        for each in INTERNALS
        for user in (*each.used_in, *([each.set_in] if each.set_in else []))
    ]


@pytest.mark.parametrize(("each", "user"), cases())
def test_a_function_that_uses_it_by_another_name_is_noticed(
    each: Internal, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = inspect.unwrap(find(user))
    monkeypatch.setattr(function, "__code__", renamed(function.__code__, each.attribute))
    assert each.name in refusal()


def renamed(code: CodeType, name: str) -> CodeType:
    """The code with another name in the place of one."""

    def other(value: Any) -> Any:
        if isinstance(value, CodeType):
            return renamed(value, name)
        if isinstance(value, tuple):
            return tuple(other(each) for each in value)
        return "renamed" if value == name else value

    return code.replace(
        co_names=tuple(other(each) for each in code.co_names),
        co_consts=tuple(other(each) for each in code.co_consts),
    )


@pytest.mark.parametrize(
    "each",
    [each for each in INTERNALS if not each.set_in and not each.source_has],
    ids=lambda each: each.name,
)
def test_one_that_is_gone_is_named(each: Internal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(find(each.owner), each.attribute)
    assert f"{each.name}: {each.purpose}" in refusal()


@pytest.mark.parametrize(
    "each", [each for each in INTERNALS if each.source_has], ids=lambda each: each.name
)
def test_a_program_that_is_gone_or_written_in_another_way_is_named(
    each: Internal, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = internal.source_of(each.name)
    for text in each.source_has:
        monkeypatch.setattr(internal, "source_of", lambda _, text=text: source.replace(text, ""))
        assert [found.name for found in changed_internals(NEWEST) if found == each] == [each.name]
    monkeypatch.setattr(internal, "find_spec", lambda _: None)
    monkeypatch.undo()
    monkeypatch.setattr(internal, "find_spec", lambda _: None)
    assert each.name in refusal()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("parsl.executors.high_throughput.executor.DEFAULT_LAUNCH_CMD", "worker_pool.py {debug}"),
        ("parsl.providers.torque.torque.translate_table", {"R": "running"}),
    ],
)
def test_one_that_is_something_else_is_named(
    name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, _, attribute = name.rpartition(".")
    monkeypatch.setattr(find(owner), attribute, value)
    assert name in refusal()


def test_all_that_has_changed_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = [each for each in INTERNALS if each.attribute in {"_launch_block", "make_rundir"}]
    for each in gone:
        monkeypatch.delattr(find(each.owner), each.attribute)
    text = refusal()
    assert len(gone) == 2
    assert all(each.name in text for each in gone)


def test_an_older_release_need_not_have_what_came_later() -> None:
    (late,) = [each for each in INTERNALS if each.attribute == "logconf_path"]
    nowhere = Internal("parsl.config", "nowhere", "a test", late.since)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check, "INTERNALS", (nowhere,))
        assert changed_internals("2025.12.8") == []
        assert changed_internals(NEWEST) == [nowhere]


def test_it_is_looked_at_once_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def look(release: str) -> list[Internal]:
        looked.append(release)
        return []

    monkeypatch.setattr(check, "changed_internals", look)
    for _ in range(3):
        _ = polaris_parsl.config
    assert looked == [NEWEST]
