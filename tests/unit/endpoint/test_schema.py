import json
import re
from typing import Any

import pytest

from polaris_parsl.endpoint.schema import render_schema
from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.lookup import FOR_ENDPOINT_USERS
from polaris_parsl.options.options import ExecutorOptions


def schema(*choices: str, **given: Any) -> dict[str, Any]:
    options = ExecutorOptions.parse({"account": "datascience", "queue": "preemptable", **given})
    found: dict[str, Any] = json.loads(render_schema(options, choices))
    return found


def queues(found: dict[str, Any]) -> list[str]:
    listed, by_pattern = found["properties"]["queue"]["anyOf"]
    assert re.search(by_pattern["pattern"], "R123456")
    assert not re.search(by_pattern["pattern"], "R123456\n")
    names: list[str] = listed["enum"]
    return names


def test_without_choices_nothing_is_let_through() -> None:
    found = schema()
    assert (found["properties"], found["additionalProperties"]) == ({}, False)
    assert "allOf" not in found


def test_only_queues_that_take_the_fixed_values_can_be_chosen() -> None:
    assert queues(schema("queue", nodes_per_block=2, walltime="0:30:00")) == [
        "debug", "debug-scaling", "preemptable", "demand", "capacity",
    ]  # fmt: skip
    assert queues(schema("queue", nodes_per_block=30, walltime="4:00:00", queue="prod")) == ["prod"]


@pytest.mark.parametrize(
    ("queue", "is_valid"),
    [
        ("preemptable", True),
        ("R123456", True),
        ("alcf_training_2026", True),
        ("alcf_training; rm -r ~", False),
        ("gpu_hack$(id)", False),
        ("small", False),
    ],
)
def test_a_queue_that_users_name_holds_nothing_for_a_shell(queue: str, is_valid: bool) -> None:
    # takes its time, and every worker collects all tests
    from jsonschema import Draft202012Validator

    assert Draft202012Validator(schema("queue")).is_valid({"queue": queue}) == is_valid


def test_a_queue_that_holds_fewer_jobs_than_there_are_blocks_is_no_choice() -> None:
    # of debug a source doubts the limit, so PBS decides
    offered = queues(schema("queue", max_blocks=2))
    assert "debug-scaling" not in offered
    assert "debug" in offered


def test_a_default_that_another_queue_does_not_take_must_be_chosen_with_it() -> None:
    found = schema("queue", "nodes_per_block", nodes_per_block=1)
    (prod,) = (
        each for each in found["allOf"] if each["if"]["properties"]["queue"]["const"] == "prod"
    )
    assert prod["if"]["required"] == ["queue"]
    sizes = [each["properties"]["nodes_per_block"] for each in prod["then"]["anyOf"]]
    assert sizes[0] == {
        "minimum": polaris().queues["small"].nodes_min,
        "maximum": polaris().queues["small"].nodes_max,
    }
    assert all(each["required"] == ["nodes_per_block"] for each in prod["then"]["anyOf"])


def test_the_limits_of_a_fixed_queue_hold_for_everybody() -> None:
    (limit,) = schema("nodes_per_block", queue="debug")["allOf"]
    assert limit == {
        "anyOf": [{"properties": {"nodes_per_block": {"minimum": 1, "maximum": 2}}, "required": []}]
    }


def test_mpi_tasks_keep_as_many_nodes_as_there_are_tasks() -> None:
    found = schema("nodes_per_block", nodes_per_block=4, max_workers_per_block=3)
    assert found["properties"]["nodes_per_block"]["minimum"] == 3


@pytest.mark.parametrize("queue", polaris().queues.values(), ids=lambda queue: str(queue.name))
def test_a_walltime_can_be_chosen_up_to_the_minute_of_each_queue(queue: Any) -> None:
    shortest, longest = queue.walltime_min_minutes, queue.walltime_max_minutes
    assert shortest < 60
    assert longest % 60 == 0
    if queue.only_by_routing:
        return
    nodes = 10 if queue.routes_to else 1
    found = schema("walltime", queue=queue.name, nodes_per_block=nodes)
    (limit,) = found["allOf"]
    patterns = [each["properties"]["walltime"]["pattern"] for each in limit["anyOf"]]
    if queue.routes_to:
        longest = polaris().queues["small"].walltime_max_minutes
    for minutes in (*range(shortest - 1, 200), *range(longest - 120, longest + 120)):
        text = f"{minutes // 60}:{minutes % 60:02d}:00"
        fits = shortest <= minutes <= longest
        assert any(re.search(each, text) for each in patterns) == fits, text
    past = f"{longest // 60}:00:01"
    assert not any(re.search(each, past) for each in patterns)


def test_what_users_cannot_choose_is_refused() -> None:
    with pytest.raises(OptionError, match="max_blocks cannot be left to the users") as caught:
        schema("queue", "max_blocks")
    assert ", ".join(FOR_ENDPOINT_USERS) in caught.value.remedy
    with pytest.raises(OptionError, match="drain_period=60 s"):
        schema("walltime", drain_period=60)
