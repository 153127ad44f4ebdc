"""A pool is given up when it is gone for certain, and no earlier."""

import socket
from collections.abc import Callable

import pytest

from polaris_parsl.configuration.blocks.liveness import (
    ANSWER_SECONDS,
    CLOSED_SECONDS,
    HAS_ENDED,
    NO_ANSWER,
    Liveness,
    Question,
)

PERIOD = 15.0
POOL = b"pool"


class World:
    """Time, and nodes that a test makes up."""

    def __init__(self) -> None:
        self.now = self.beat = 0.0
        self.answer: bool | None = True
        self.is_open = True
        self.asked = 0
        self.liveness = Liveness(PERIOD, lambda: self.now, self.ask)

    def ask(self, _address: str) -> Question:
        self.asked += 1
        return MadeUp(lambda: self.answer)

    def look(self, seconds: float = 0.0) -> dict[bytes, str]:
        """Look twice a second; what is gone at the end of that time or before."""
        latest = self.now + seconds
        while True:
            gone = self.liveness.look({POOL: self.beat}, lambda _: self.is_open)
            if gone or self.now >= latest:
                return gone
            self.now += 0.5

    def met(self) -> None:
        """The pool registers."""
        self.liveness.met(POOL, "10.0.0.1")
        self.look()


class MadeUp(Question):
    def __init__(self, answer: Callable[[], bool | None]) -> None:
        self.answer = answer  # type: ignore[method-assign]

    def close(self) -> None:
        pass


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("answer", [False, None], ids=["unreachable", "silent"])
def test_a_node_that_no_longer_answers_is_known_within_thirty_seconds(
    world: World, answer: bool | None
) -> None:
    world.met()
    world.answer = answer
    assert world.look(24.0) == {POOL: NO_ANSWER}


def test_a_pool_that_is_slow_on_a_node_that_answers_is_waited_for(world: World) -> None:
    world.met()
    assert world.look(119.0) == {}
    assert world.liveness.silent == {POOL}
    assert 1 < world.asked < 30
    world.beat = world.now
    assert world.look() == {}
    assert world.liveness.silent == frozenset()


def test_one_answer_that_is_missed_ends_no_pool(world: World) -> None:
    world.met()
    world.answer = None
    assert world.look(PERIOD + 2.0 + ANSWER_SECONDS + 1.0) == {}
    world.answer = True
    assert world.look(60.0) == {}


def test_a_node_whose_firewall_never_answers_is_judged_by_its_heartbeats_alone(
    world: World,
) -> None:
    world.answer = None
    world.met()
    assert world.look(119.0) == {}


def test_a_pool_whose_connection_stays_closed_has_ended(world: World) -> None:
    world.met()
    world.is_open = False
    assert world.look(CLOSED_SECONDS - 1.0) == {}
    assert world.liveness.silent == {POOL}, "PBS is asked in the meantime"
    assert world.look(CLOSED_SECONDS) == {POOL: HAS_ENDED}


def test_a_pool_that_connects_again_goes_on(world: World) -> None:
    world.met()
    for _ in range(5):
        world.is_open = False
        assert world.look(CLOSED_SECONDS - 1.0) == {}
        world.beat, world.is_open = world.now, True
        assert world.look(1.0) == {}


def test_the_time_in_which_we_were_stopped_is_held_against_no_pool(world: World) -> None:
    world.met()
    world.is_open = False
    world.look(CLOSED_SECONDS - 1.0)
    world.now += 600
    world.beat += 600
    world.liveness.forgive(600)
    assert world.look() == {}


def test_a_node_answers_also_where_nobody_listens() -> None:
    question = Question("127.0.0.1")
    answer = question.answer()
    while answer is None:
        answer = question.answer()
    question.close()
    assert answer


def test_an_address_without_a_node_gives_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect_ex", lambda *_: 113)
    question = Question("10.0.0.1")
    assert question.answer() is False
    question.close()
