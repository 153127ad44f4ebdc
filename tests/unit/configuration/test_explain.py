import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from parsl.config import Config
from parsl.jobs.error_handlers import simple_error_handler

import polaris_parsl
from polaris_parsl.configuration.explain import Explanation, Row
from polaris_parsl.errors import OptionError

# Shapes of work, each with options that pass the policy.
SHAPES: dict[str, dict[str, Any]] = {
    "gpu": {},
    "shared gpu": {"workers_per_gpu": 2},
    "several gpus": {"gpus_per_worker": 4, "launcher": "gnu_parallel"},
    "cpu": {"available_accelerators": 0, "cores_per_worker": 2},
    "mpi": {"queue": "debug-scaling", "nodes_per_block": 4, "max_workers_per_block": 2},
    "two": {"queue": "preemptable", "executors": {"a": {}, "b": {"available_accelerators": 0}}},
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("PBS_JOBID", "PBS_NODEFILE", "POLARIS_PARSL_ADDRESS"):
        monkeypatch.delenv(name, raising=False)


def rows(explanation: Explanation, name: str) -> list[Row]:
    return [row for row in explanation.rows if row.name == name]


def parent(config: Config, where: str) -> Any:
    """The object of Parsl's that a row is about, found without the help of the code under test."""
    if where == "Config":
        return config
    label, _, kind = where.partition(": ")
    executor: Any
    (executor,) = (each for each in config.executors if each.label == label)
    if kind.endswith("Executor"):
        return executor
    return executor.provider if kind.endswith("Provider") else executor.provider.launcher


def handed_to_parsl(config: Config, where: str, name: str) -> Any:
    found = getattr(parent(config, where), name)
    # of this one Parsl makes a function
    return found is simple_error_handler if name == "block_error_handler" else found


def plain(value: Any) -> Any:
    """A value as JSON has it, and the name of the type of what is no value for JSON."""
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value if isinstance(value, str | int | float | None) else type(value).__name__


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_explained_is_what_parsl_has(shape: str) -> None:
    given = {"account": "datascience", "address": "10.0.0.1", **SHAPES[shape]}
    config = polaris_parsl.config(**given)
    explanation = polaris_parsl.explain(**given)
    compared = 0
    for row in explanation.rows:
        # Parsl makes objects of these, where they are None
        made = ("memoizer", "retry_handler", "launcher", "address", "remote_monitoring_radio")
        if row.where == "polaris_parsl" or row.name in made:
            continue
        if not hasattr(parent(config, row.where), row.name):
            assert row.layer == "Parsl"  # some it keeps under another name
            continue
        assert plain(handed_to_parsl(config, row.where, row.name)) == plain(row.value), row
        compared += 1
    assert compared > 40


def constructor_arguments(found: object) -> set[str]:
    """The names of all arguments of the class of Parsl's that an object is of."""
    kind = next(each for each in type(found).__mro__ if each.__module__.startswith("parsl."))
    return set(inspect.signature(kind).parameters)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_argument_of_parsls_constructors_is_left_out(shape: str) -> None:
    given = {"account": "datascience", "address": "10.0.0.1", **SHAPES[shape]}
    config = polaris_parsl.config(**given)
    explained: dict[str, set[str]] = {}
    for row in polaris_parsl.explain(**given).rows:
        explained.setdefault(row.where, set()).add(row.name)
    del explained["polaris_parsl"]
    for where, names in explained.items():
        arguments = constructor_arguments(parent(config, where))
        assert arguments
        assert arguments - names <= {"executors", "provider", "launcher"}, where
    assert len(explained) == 1 + 3 * len(config.executors)


def test_every_row_says_who_set_it_and_either_why_or_that_the_user_did() -> None:
    for row in polaris_parsl.explain(account="datascience", address="10.0.0.1").rows:
        assert row.layer
        assert row.layer in ("argument", "default") or (row.why or row.source), row


def test_the_layer_and_place_of_a_value_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "polaris-parsl.toml").write_text('account = "datascience"\n')
    monkeypatch.setenv("POLARIS_PARSL_RETRIES", "4")
    explanation = polaris_parsl.explain(queue="debug-scaling", gpus_per_worker=2)
    sources = {
        name: rows(explanation, name)[0].layer
        for name in ("account", "retries", "queue", "cpu_affinity", "walltime", "select_options")
    }
    assert sources == {
        "account": f"project file {tmp_path / 'polaris-parsl.toml'}",
        "retries": "environment POLARIS_PARSL_RETRIES",
        "queue": "argument",
        "cpu_affinity": "argument",
        "walltime": "facts",
        "select_options": "polaris_parsl",
    }


def test_the_table_names_every_value_and_its_source() -> None:
    explanation = polaris_parsl.explain(account="datascience", address="10.0.0.1")
    text = str(explanation)
    for row in explanation.rows:
        shown = f"{row.name}=" if row.layer == "Parsl" else f"  {row.name} = "
        assert shown in text
        assert row.source in text
    assert "worker_init = '# The environment" in text


def test_the_rows_are_plain_json() -> None:
    explanation = polaris_parsl.explain(account="datascience", address="10.0.0.1")
    assert len(json.loads(json.dumps(explanation.as_json()))) == len(explanation.rows)


def test_a_request_that_would_be_refused_is_refused_here_too() -> None:
    with pytest.raises(OptionError, match="nodes_per_block=3"):
        polaris_parsl.explain(account="datascience", nodes_per_block=3)


def test_on_a_node_without_the_interfaces_only_the_address_is_unknown() -> None:
    explanation = polaris_parsl.explain(account="datascience")
    (address,) = rows(explanation, "address")
    if address.value is None:
        assert "its interfaces are" in address.why


@pytest.mark.parametrize("call", [polaris_parsl.explain, polaris_parsl.config])
def test_an_interface_that_is_not_there_is_refused(call: Callable[..., object]) -> None:
    with pytest.raises(OptionError, match="no address on nosuch0"):
        call(account="datascience", interface="nosuch0")
