"""Which pools of workers are gone for certain, long before Parsl's heartbeat_threshold says so.

Silence alone proves nothing: a pool is slow while a file system hangs, and its tasks go on. But its
connection is open then, and the system of its node answers. A pool is gone if its connection stays
closed, or if its node, which has answered before, does not answer.
"""

import contextlib
import errno
import select
import socket
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

# A pool whose connection broke connects again at once, unless it has ended. PBS is asked meanwhile.
CLOSED_SECONDS = 15.0
_CHECK_SECONDS = 5.0
# A heartbeat may be late by so much before the node is asked.
LATE_SECONDS = 2.0
# A node that gives no answer within this time, so many times, is gone.
ANSWER_SECONDS, QUESTIONS = 2.5, 2
# Nobody listens at the port "discard"; that a connection is refused is an answer, too.
_PORT = 9

HAS_ENDED = "its workers have ended"
NO_ANSWER = "the node does not answer"


class Question:
    """Whether the system of a node answers: a connection to it is tried.

    Args:
        address: of the node.
    """

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self._socket.setblocking(False)
        self._error = self._socket.connect_ex((address, _PORT))

    def answer(self) -> bool | None:
        """Whether it answers; None as long as that is not known."""
        if self._error == errno.EINPROGRESS:
            poll = select.poll()
            poll.register(self._socket, select.POLLOUT)
            if not poll.poll(0):
                return None
            self._error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return self._error in (0, errno.ECONNREFUSED)

    def close(self) -> None:
        """Ask no longer."""
        with contextlib.suppress(OSError):
            self._socket.close()


@dataclass
class _Pool:
    """What is known of a pool.

    Attributes:
        address: from which it is connected.
        closed_since: when its connection was found closed, None while it is open.
        has_answered: whether its node has ever answered; a firewall may let it never do so.
        question: that is under way.
        asked: when the last question was put.
        unanswered: questions without an answer, one after the other.
    """

    address: str
    closed_since: float | None = None
    has_answered: bool = False
    question: Question | None = None
    asked: float = float("-inf")
    unanswered: int = 0


class Liveness:
    """Watches pools of workers.

    Args:
        period: of their heartbeats, in seconds.
        clock: seconds.
        ask: asks the node at an address.
    """

    def __init__(
        self,
        period: float,
        clock: Callable[[], float],
        ask: Callable[[str], Question] = Question,
    ) -> None:
        self._period, self._clock, self._ask = period, clock, ask
        self._pools: dict[bytes, _Pool] = {}
        self._next_check = 0.0
        self.silent: frozenset[bytes] = frozenset()

    def met(self, name: bytes, address: str) -> None:
        """A pool has registered; its node is asked, to know whether it ever answers."""
        pool = self._pools[name] = _Pool(address)
        self._put(pool)

    def forgive(self, pause: float) -> None:
        """For some seconds this process was stopped itself."""
        for pool in self._pools.values():
            pool.unanswered = 0
            if pool.closed_since is not None:
                pool.closed_since += pause

    def look(
        self, beats: Mapping[bytes, float], is_open: Callable[[bytes], bool]
    ) -> dict[bytes, str]:
        """The pools that are gone, each with the reason.

        Args:
            beats: when each pool was last heard of.
            is_open: whether the connection of a pool is open.
        """
        now = self._clock()
        is_check = now >= self._next_check
        if is_check:
            self._next_check = now + _CHECK_SECONDS
        self._forget(self._pools.keys() - beats.keys())
        lost, silent = {}, set()
        for name, pool in self._pools.items():
            if is_check or pool.closed_since is not None:
                pool.closed_since = None if is_open(name) else (pool.closed_since or now)
            is_late = now - beats[name] > self._period + LATE_SECONDS
            self._read(pool)
            if is_late and pool.has_answered and pool.question is None:
                self._put_in_time(pool)
            if is_late or pool.closed_since is not None:
                silent.add(name)
            if pool.closed_since is not None and now - pool.closed_since >= CLOSED_SECONDS:
                lost[name] = HAS_ENDED
            elif is_late and pool.unanswered >= QUESTIONS:
                lost[name] = NO_ANSWER
        self.silent = frozenset(silent)
        self._forget(lost.keys())
        return lost

    def _forget(self, names: Collection[bytes]) -> None:
        for name in names:
            if (pool := self._pools.pop(name, None)) and pool.question:
                pool.question.close()

    def _put_in_time(self, pool: _Pool) -> None:
        """Ask again: at once after no answer, and after a pause after one."""
        if pool.unanswered or self._clock() - pool.asked >= _CHECK_SECONDS:
            self._put(pool)

    def _put(self, pool: _Pool) -> None:
        pool.asked = self._clock()
        try:
            pool.question = self._ask(pool.address)
        except OSError:
            pool.question = None  # no socket is left, which says nothing of the node

    def _read(self, pool: _Pool) -> None:
        """Read the answer to the question that is under way."""
        if pool.question is None:
            return
        answer = pool.question.answer()
        if answer is None and self._clock() - pool.asked < ANSWER_SECONDS:
            return
        pool.question.close()
        pool.question = None
        pool.has_answered |= bool(answer)
        pool.unanswered = 0 if answer else pool.unanswered + 1
