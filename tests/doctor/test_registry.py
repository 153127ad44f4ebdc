import re
from pathlib import Path

from polaris_parsl.doctor.node_checks import NODE_CHECKS
from polaris_parsl.doctor.registry import CHECKS

DOCUMENT = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()


def test_the_documentation_lists_every_check_with_its_promise_and_what_it_hangs_on() -> None:
    rows = re.findall(r"^\| (\w+) \| (.+?\.) \| ([\w, ]*) ?\|$", DOCUMENT, re.MULTILINE)
    assert [(name, promise, after.strip()) for name, promise, after in rows] == [
        (each.name, each.promise, ", ".join(each.after)) for each in CHECKS
    ]


def test_the_documentation_lists_every_check_of_a_node() -> None:
    rows = re.findall(r"^\| (\w+) \| ([^|]+[.]) \|$", DOCUMENT, re.MULTILINE)
    assert rows[:-1] == [(each.name, each.promise) for each in NODE_CHECKS]
    assert rows[-1][0] == "block"


def test_a_check_hangs_on_earlier_ones_only() -> None:
    names = [each.name for each in CHECKS]
    assert len(set(names)) == len(names)
    for number, check in enumerate(CHECKS):
        assert set(check.after) <= set(names[:number])
