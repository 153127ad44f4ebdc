import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from polaris_parsl.configuration.settings import Setting
from polaris_parsl.endpoint.engine import Choice
from polaris_parsl.endpoint.template import render

SPECIAL = st.sampled_from(
    ["{{ 1 }}", "{% raw %}", "{#", "#}", "}}", "\n", "\\n", '"', "'", ": ", "#"]
)
TEXTS = st.lists(st.one_of(SPECIAL, st.text())).map("".join)


def read(template: str, **given: Any) -> Any:
    """What the loader of globus-compute-endpoint reads: Jinja, texts as JSON, then YAML."""
    quoted = {name: json.dumps(x) if isinstance(x, str) else x for name, x in given.items()}
    environment = SandboxedEnvironment(undefined=StrictUndefined)
    return yaml.safe_load(environment.from_string(template).render(**quoted))


@given(TEXTS)
def test_jinja_and_yaml_leave_a_text_unchanged(value: str) -> None:
    table = {
        "engine": {"name": Setting(value, why="of {{ users }} {% and"), "list": Setting([value])}
    }
    assert read(render(table, head=["{# x"])) == {"engine": {"name": value, "list": [value]}}


@given(TEXTS)
def test_jinja_and_yaml_leave_a_default_unchanged(value: str) -> None:
    table = {"name": Setting(Choice("name", value))}
    assert read(render(table, head=[])) == {"name": value}


@given(st.lists(st.sampled_from([*"{%#}\"'\\: \n\té", "{{ 1 }}", "{% raw %}"])).map("".join))
def test_a_users_text_goes_between_ours_uninterpreted(value: str) -> None:
    choice = Choice("worker_init", "", before="export A='{{'\n", after="\n  # {% end")
    template = render({"provider": {"worker_init": Setting(choice)}}, head=[])
    assert read(template, worker_init=value) == {
        "provider": {"worker_init": f"export A='{{{{'\n{value}\n  # {{% end"}
    }


@pytest.mark.parametrize("value", [True, False, 4, 0, 1.5, [], ["0", "0,1"]])
def test_other_values_keep_their_types(value: Any) -> None:
    found = read(render({"x": Setting(value)}, head=[]))["x"]
    assert found == value
    assert type(found) is type(value)


def test_values_that_nobody_set_are_left_out() -> None:
    table = {"a": Setting(None, why="no reason"), "b": Setting(Choice("b", 2))}
    template = render(table, head=["made by a test"])
    assert template.startswith("# made by a test\n")
    assert "no reason" not in template
    assert read(template) == {"b": 2}
    assert read(template, b=7) == {"b": 7}
