"""What workers measure of their tasks, and how it comes to the driver."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from parsl.app.errors import RemoteExceptionWrapper
from parsl.executors import HighThroughputExecutor
from parsl.executors.high_throughput.executor import HTEXFuture
from parsl.serialize import deserialize, pack_apply_message, serialize

from polaris_parsl.configuration.parsl_internals.measure import Place, execute, ranges, read
from polaris_parsl.configuration.parsl_internals.measured import MeasuredTasks, See
from polaris_parsl.errors import BlockError


class Executor(MeasuredTasks):
    """One that opens nothing."""

    seen: See | None = None

    def see_measured(self) -> See | None:
        return self.seen


def run(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a task as a worker does, and send its result as the driver gets it."""
    return deserialize(serialize(execute(pack_apply_message(function, arguments, {}))))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], HTEXFuture]]:
    """What was given to Parsl's executor: the context, and its future."""
    made: list[tuple[dict[str, Any], HTEXFuture]] = []

    def submit(self: Any, context: dict[str, Any], _buffer: bytes) -> HTEXFuture:
        future = self.tasks[len(made)] = HTEXFuture(len(made))
        made.append((context, future))
        return future

    monkeypatch.setattr(HighThroughputExecutor, "submit_payload", submit)
    monkeypatch.setattr(HighThroughputExecutor, "start", lambda _self: None)
    return made


@pytest.fixture
def executor(sent: object) -> Executor:
    started = Executor.__new__(Executor)
    started.start()
    return started


def test_a_worker_says_when_and_where_it_ran_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARSL_WORKER_BLOCK_ID", "3")
    monkeypatch.setenv("PARSL_MPI_NODELIST", "n1,n2")
    result, measured = run(pow, 2, 5)
    start, end, place = read(measured)
    assert result == 32
    assert start <= end
    assert (place.block, place.nodes) == ("3", "n1,n2")
    assert place.cpus


def test_the_error_of_a_task_is_its_result() -> None:
    result, _ = run(int, "seven")
    assert isinstance(result, RemoteExceptionWrapper)
    with pytest.raises(ValueError, match="seven"):
        result.reraise()


def test_numbers_that_follow_each_other_are_ranges() -> None:
    assert ranges({0, 1, 2, 5, 7, 8}) == "0-2,5,7-8"
    assert ranges(set()) == ""


def test_parsl_gets_the_result_alone_and_we_what_was_measured(
    sent: Any, executor: Executor
) -> None:
    seen: list[tuple[float, float, Place]] = []
    executor.seen = lambda *measured: seen.append(measured)
    future = executor.submit_payload({"resource_spec": {"num_nodes": 2}}, b"")
    ((context, parsls),) = sent
    assert future is parsls
    assert context["resource_spec"] == {"num_nodes": 2}
    assert pickle.loads(pickle.dumps(context)) == context
    executor.tasks.pop(0).set_result(run(pow, 2, 5))
    ((start, end, place),) = seen
    assert (future.result(), start <= end, bool(place.host)) == (32, True, True)


def test_a_lost_worker_is_handed_on_as_it_is(executor: Executor) -> None:
    executor.seen = lambda *_seen: pytest.fail("nothing was measured")
    future = executor.submit_payload({}, b"")
    executor.tasks.pop(0).set_exception(KeyError("lost"))
    with pytest.raises(KeyError):
        future.result()


@pytest.mark.parametrize(
    "sent_back", [7, (7, b""), (7, b"short"), (7, bytes(40)), (7, 1.0, 2.0, ())]
)
def test_a_worker_of_another_polaris_parsl_is_named_and_no_thread_ends_by_it(
    executor: Executor, sent_back: object
) -> None:
    executor.seen = lambda *_seen: pytest.fail("nothing was measured")
    future = executor.submit_payload({}, b"")
    executor.tasks.pop(0).set_result(sent_back)
    with pytest.raises(BlockError, match="another polaris_parsl than the driver's"):
        future.result()


def test_nothing_is_measured_where_nobody_wants_to_see_it(sent: Any, executor: Executor) -> None:
    future = executor.submit_payload({}, b"")
    future.set_result(7)
    assert sent == [({}, future)]
    assert future.result() == 7


def test_a_task_with_a_way_to_run_of_its_own_keeps_it(sent: Any, executor: Executor) -> None:
    executor.seen = lambda *_seen: pytest.fail("nothing was measured")
    own = {"task_executor": {"f": "mine.run"}}
    future = executor.submit_payload(own, b"")
    future.set_result(7)
    assert sent == [(own, future)]
    assert future.result() == 7
