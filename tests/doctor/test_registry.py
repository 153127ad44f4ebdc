import re
from collections.abc import Callable
from pathlib import Path

from polaris_parsl.doctor.node_checks import NODE_CHECKS
from polaris_parsl.doctor.registry import CHECKS

DOCUMENT = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()


def promise(look: Callable[..., object]) -> str:
    """The promise of a check as a sentence."""
    return (look.__doc__ or "").partition("\n")[0]


def test_the_documentation_lists_every_check_with_its_promise_and_the_checks_it_depends_on() -> (
    None
):
    rows = re.findall(r"^\| (\w+) \| (.+?\.) \| ([\w, ]*) ?\|$", DOCUMENT, re.MULTILINE)
    assert [(name, text, after.strip()) for name, text, after in rows] == [
        (each.name, promise(each.look), ", ".join(each.after)) for each in CHECKS
    ]


def test_the_documentation_lists_every_check_of_a_node() -> None:
    rows = re.findall(r"^\| (\w+) \| ([^|]+[.]) \|$", DOCUMENT, re.MULTILINE)
    assert rows[:-1] == [(each.name, promise(each.look)) for each in NODE_CHECKS]
    assert rows[-1][0] == "block"


def test_a_check_depends_on_earlier_ones_only() -> None:
    names = [each.name for each in CHECKS]
    assert len(set(names)) == len(names)
    for number, check in enumerate(CHECKS):
        assert set(check.after) <= set(names[:number])
