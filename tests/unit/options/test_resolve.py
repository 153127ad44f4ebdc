import sys
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl import PolarisParslWarning
from polaris_parsl.driver import Driver
from polaris_parsl.errors import OptionError
from polaris_parsl.options.mode import choose_mode, nodes_of_job
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.options.resolve import resolve

OUTSIDE = Driver(python=Path(sys.executable), folder=Path("/"))
TWO = {"gpu": {}, "cpu": {"available_accelerators": 0}}


@pytest.fixture
def inside(tmp_path: Path) -> Driver:
    """A driver in a job of three nodes, which PBS lists once for each chunk."""
    nodefile = tmp_path / "nodes"
    nodefile.write_text("n1.hsn\nn1.hsn\nn2.hsn\nn3.hsn\nn3.hsn\n")
    return Driver(python=Path(sys.executable), folder=Path("/"), job="1.pbs", nodefile=nodefile)


def ask(driver: Driver = OUTSIDE, **arguments: Any) -> list[ExecutorOptions]:
    return [request.options for request in resolve({"account": "datascience", **arguments}, driver)]


def test_the_place_decides_the_mode(inside: Driver) -> None:
    sandbox = Driver(python=Path(sys.executable), folder=Path("/"), in_sandbox=True)
    assert choose_mode(None, OUTSIDE)[0] == "blocks"
    assert choose_mode(None, sandbox)[0] == "sandbox"
    assert choose_mode(None, inside)[0] == "inside_job"
    assert "1.pbs" in choose_mode(None, inside)[1]


def test_an_argument_forces_the_mode(inside: Driver) -> None:
    assert ask(inside, mode="blocks")[0].mode == "blocks"
    with pytest.raises(OptionError, match="this is not a PBS job"):
        ask(mode="inside_job")
    with pytest.raises(OptionError, match="this is not the sandbox"):
        ask(mode="sandbox")


def test_inside_a_job_all_its_nodes_are_used_each_once_and_no_account_is_needed(
    inside: Driver,
) -> None:
    (request,) = resolve({}, inside)
    assert request.options.nodes == ("n1.hsn", "n2.hsn", "n3.hsn")
    assert request.options.nodes_per_block == 3
    assert request.options.account is None


def test_inside_a_job_fewer_nodes_can_be_used_and_not_more(inside: Driver) -> None:
    with pytest.warns(PolarisParslWarning, match="2 of the 3 nodes"):
        (options,) = ask(inside, nodes_per_block=2)
    assert options.nodes == ("n1.hsn", "n2.hsn")
    with pytest.raises(OptionError, match="4 nodes or more, and this job has 3"):
        ask(inside, nodes_per_block=4)


def test_inside_a_job_the_job_is_the_only_block(inside: Driver) -> None:
    with pytest.warns(PolarisParslWarning, match="max_blocks=2"):
        (options,) = ask(inside, max_blocks=2)
    assert options.max_blocks == 1


def test_a_nodefile_that_is_gone_or_empty_is_named(inside: Driver) -> None:
    assert inside.nodefile is not None
    inside.nodefile.write_text("")
    with pytest.raises(OptionError, match="names no node"):
        nodes_of_job(inside)
    inside.nodefile.write_bytes(b"\xff\n")
    with pytest.raises(OptionError, match=r"cannot read the nodes of job 1\.pbs"):
        nodes_of_job(inside)
    inside.nodefile.unlink()
    with pytest.raises(OptionError, match=r"cannot read the nodes of job 1\.pbs"):
        nodes_of_job(inside)


def test_executors_differ_in_what_they_say_and_share_the_rest() -> None:
    gpu, cpu = ask(executors=TWO, queue="preemptable", retries=1)
    assert (gpu.label, cpu.label) == ("gpu", "cpu")
    assert len(gpu.available_accelerators) == 4
    assert cpu.available_accelerators == ()
    assert gpu.queue == cpu.queue == "preemptable"
    assert gpu.retries == cpu.retries == 1


def test_a_stronger_layer_wins_over_the_special_value_of_a_weaker_one(tmp_path: Path) -> None:
    (tmp_path / "polaris-parsl.toml").write_text(
        'queue = "demand"\n[executors.a]\nqueue = "preemptable"\n[executors.b]\n'
    )
    driver = Driver(python=Path(sys.executable), folder=tmp_path)
    assert [each.queue for each in ask(driver)] == ["preemptable", "demand"]
    assert [each.queue for each in ask(driver, queue="debug")] == ["debug", "debug"]


def test_the_nodes_of_a_job_are_split_between_executors_in_their_order(inside: Driver) -> None:
    gpu, cpu = ask(inside, executors={"gpu": {"nodes_per_block": 2}, "cpu": TWO["cpu"]})
    assert gpu.nodes == ("n1.hsn", "n2.hsn")
    assert cpu.nodes == ("n3.hsn",)
    with pytest.raises(OptionError, match="2 of 2 executors do not say"):
        ask(inside, executors=TWO)
    with pytest.raises(OptionError, match="4 nodes or more"):
        ask(inside, executors={"gpu": {"nodes_per_block": 3}, "cpu": {}})
