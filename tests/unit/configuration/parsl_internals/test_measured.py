"""What workers measure of their tasks, and how it comes to the driver."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from parsl.app.errors import RemoteExceptionWrapper
from parsl.executors import HighThroughputExecutor
from parsl.executors.high_throughput.executor import HTEXFuture
from parsl.serialize import deserialize, pack_apply_message, serialize

from polaris_parsl.configuration.parsl_internals.measure import Measured, Place, execute, ranges
from polaris_parsl.configuration.parsl_internals.measured import MeasuredTasks


class Executor(MeasuredTasks):
    """One that keeps what it was to send."""

    seen: Callable[[Measured], None] | None = None

    def see_measured(self) -> Callable[[Measured], None] | None:
        return self.seen


def made() -> Executor:
    """One that has opened nothing."""
    return Executor.__new__(Executor)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], HTEXFuture]]:
    """What was given to Parsl's executor: the context, and its future."""
    made: list[tuple[dict[str, Any], HTEXFuture]] = []

    def submit(_self: Any, context: dict[str, Any], _buffer: bytes) -> HTEXFuture:
        made.append((context, HTEXFuture(len(made))))
        return made[-1][1]

    monkeypatch.setattr(HighThroughputExecutor, "submit_payload", submit)
    return made


def run(function: Callable[..., Any], *arguments: Any) -> Measured:
    """Run a task as a worker does, and send its result as the driver gets it."""
    result = execute(pack_apply_message(function, arguments, {}))
    value, start, end, place = deserialize(serialize(result))
    return Measured(value, start, end, Place(*place))


def test_a_worker_says_when_and_where_it_ran_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARSL_WORKER_BLOCK_ID", "3")
    monkeypatch.setenv("PARSL_MPI_NODELIST", "n1,n2")
    measured = run(pow, 2, 5)
    assert measured.result == 32
    assert measured.start <= measured.end
    assert (measured.place.block, measured.place.nodes) == ("3", "n1,n2")
    assert measured.place.cpus


def test_the_error_of_a_task_is_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = run(int, "seven")
    assert isinstance(measured.result, RemoteExceptionWrapper)
    with pytest.raises(ValueError, match="seven"):
        measured.result.reraise()


def test_numbers_that_follow_each_other_are_ranges() -> None:
    assert ranges({0, 1, 2, 5, 7, 8}) == "0-2,5,7-8"
    assert ranges(set()) == ""


def test_parsl_gets_the_result_alone_and_we_what_was_measured(sent: Any) -> None:
    executor = made()
    seen: list[Measured] = []
    executor.seen = seen.append
    future = executor.submit_payload({"resource_spec": {"num_nodes": 2}}, b"")
    ((context, inner),) = sent
    assert context["resource_spec"] == {"num_nodes": 2}
    assert pickle.loads(pickle.dumps(context)) == context
    inner.set_result(("mine", 1.0, 2.0, ("0",)))
    assert (future.result(), seen[0].end) == ("mine", 2.0)


def test_a_lost_worker_is_handed_on_as_it_is(sent: Any) -> None:
    executor = made()
    executor.seen = lambda _seen: pytest.fail("nothing was measured")
    future = executor.submit_payload({}, b"")
    sent[0][1].set_exception(KeyError("lost"))
    with pytest.raises(KeyError):
        future.result()


def test_nothing_is_measured_where_nobody_wants_to_see_it(sent: Any) -> None:
    future = made().submit_payload({}, b"")
    assert sent == [({}, future)]


def test_a_task_with_a_way_to_run_of_its_own_keeps_it(sent: Any) -> None:
    executor = made()
    executor.seen = lambda _seen: None
    own = {"task_executor": {"f": "mine.run"}}
    future = executor.submit_payload(own, b"")
    assert sent == [(own, future)]
