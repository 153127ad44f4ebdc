from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import polaris_parsl
from polaris_parsl.configuration import addresses, plan, settings, worker_init, workers
from polaris_parsl.configuration.job_script import job_scripts
from polaris_parsl.driver import Driver
from polaris_parsl.endpoint import engine
from polaris_parsl.endpoint.environment import Environment
from polaris_parsl.endpoint.files import endpoint_files
from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.policy import policy

GIVEN: dict[str, Any] = {"account": "datascience", "address": "10.0.0.1", "queue": "preemptable"}
ENVIRONMENT = Environment(
    Path("/env/bin/python"), *next(iter(polaris().globus_compute.tested.items()))
)
# What is worked out for each executor: where it is defined, and where it is called.
WORKED_OUT = {
    "executor_settings": (settings, [plan, engine]),
    "compose": (worker_init, [settings]),
    "workers_of_node": (workers, [settings]),
    "check_size": (policy, [policy]),
    "addresses_for_workers": (addresses, [plan]),
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("PBS_JOBID", "PBS_NODEFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each of WORKED_OUT is called, wherever it is called from."""
    counted: Counter[str] = Counter()

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            counted[name] += 1
            return function(*args, **named)

        return call

    for name, (home, callers) in WORKED_OUT.items():
        wrapped = counting(name, getattr(home, name))
        for module in {home, *callers}:
            monkeypatch.setattr(module, name, wrapped)
    return counted


@pytest.mark.parametrize("call", [polaris_parsl.config, polaris_parsl.explain, job_scripts])
@pytest.mark.parametrize("executors", [{}, {"executors": {"a": {}, "b": {"workers_per_gpu": 2}}}])
def test_each_executor_of_a_call_is_worked_out_once(
    call: Callable[..., object], executors: dict[str, Any], calls: Counter[str]
) -> None:
    call(**GIVEN, **executors)
    assert calls == dict.fromkeys(WORKED_OUT, len(executors.get("executors", [1])))


def test_an_endpoint_is_worked_out_once_and_needs_no_address_of_this_node(
    calls: Counter[str],
) -> None:
    endpoint_files(GIVEN, ENVIRONMENT, choices=["queue", "walltime"])
    assert calls == dict.fromkeys(WORKED_OUT.keys() - {"addresses_for_workers"}, 1)


def test_what_is_recorded_of_a_run_is_what_its_executors_were_built_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (executor,) = polaris_parsl.config(**GIVEN).executors
    record: Any = executor.record  # type: ignore[attr-defined]
    assert record.files["explain.txt"] == f"{polaris_parsl.explain(**GIVEN)}\n"
    assert "polaris-parsl.toml" not in record.files
    text = "retries = 2  # as the authors had it\n"
    (tmp_path / "polaris-parsl.toml").write_text(text)
    (executor,) = polaris_parsl.config(**GIVEN).executors
    record = executor.record  # type: ignore[attr-defined]
    assert record.files["polaris-parsl.toml"] == text


def test_a_node_without_the_interfaces_has_a_plan_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_address(*_: object) -> list[str]:
        raise OptionError("no interface here", remedy="go to a login node")

    monkeypatch.setattr(plan, "addresses_for_workers", no_address)
    (executor,) = plan.plan({"account": "datascience"}, Driver.current()).executors
    assert executor.address_error
    assert executor.settings.addresses.why == "not known here: no interface here"
    with pytest.raises(OptionError, match="no interface here"):
        polaris_parsl.config(account="datascience")
