"""Our interchange: Parsl's, which also knows the nodes, and drops those that are gone.

It runs as a program beside the driver. It ends with it, does not get the signals of its terminal,
and does not count the time in which it was stopped itself as silence of the nodes.
"""

import ctypes
import os
import pickle
import signal
import sys
import time
from typing import Any

from parsl.app.errors import RemoteExceptionWrapper
from parsl.executors.high_throughput.interchange import Interchange
from parsl.serialize import serialize
from parsl.utils import setproctitle

from polaris_parsl.configuration.parsl_internals.node_lost import NodeLost
from polaris_parsl.configuration.parsl_internals.pool import (
    DROP,
    ENDS_WITH_PARENT,
    NODES,
)

# Parsl's interchange answers a third command as it likes; the answer is replaced.
_HARMLESS = "WORKER_BINDS"
_PR_SET_PDEATHSIG = 1
# A pause longer than that was none of the nodes'.
_PAUSE_SECONDS = 2.0
# Of tasks that have ended it is forgotten when they began, in lots of so many.
_FORGET_AFTER = 10_000


class WatchedInterchange(Interchange):
    """Parsl's interchange with two more commands: to list the nodes, and to drop some."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._looked = time.time()
        self._answer: Any = None
        self._sent: dict[int, float] = {}  # when each task went to its pool
        self._most_sent = _FORGET_AFTER
        channel: Any = self.command_channel
        receive, send = channel.recv_pyobj, channel.send_pyobj

        def receive_command() -> Any:
            command = receive()
            self._answer = self._ours(command)
            return command if self._answer is None else _HARMLESS

        def send_answer(answer: Any) -> Any:
            return send(answer if self._answer is None else self._answer)

        channel.recv_pyobj, channel.send_pyobj = receive_command, send_answer

    def expire_bad_managers(self, *arguments: Any) -> None:
        """Drop the nodes that have been silent for too long."""
        now = time.time()
        pause, self._looked = now - self._looked, now
        if pause > _PAUSE_SECONDS:
            for manager in self._ready_managers.values():
                manager["last_heartbeat"] += pause
        for name, manager in self._ready_managers.items():
            if now - manager["last_heartbeat"] > self.heartbeat_threshold:
                self._give_up_tasks(name, manager, now)
        super().expire_bad_managers(*arguments)

    def get_tasks(self, count: int) -> Any:
        """Tasks to send to a pool, of which it is noted when."""
        tasks = super().get_tasks(count)
        now = time.time()
        self._sent.update((task["task_id"], now) for task in tasks)
        if len(self._sent) > self._most_sent:
            under_way = {each for pool in self._ready_managers.values() for each in pool["tasks"]}
            under_way |= {task["task_id"] for task in tasks}
            self._sent = {task: self._sent[task] for task in under_way & self._sent.keys()}
            self._most_sent = 2 * len(self._sent) + _FORGET_AFTER
        return tasks

    def _give_up_tasks(self, name: bytes, manager: Any, now: float) -> None:
        """Report the tasks of a lost pool, with what Parsl's own report lacks."""
        for task in manager["tasks"]:
            seconds = now - self._sent.pop(task, now)
            lost = NodeLost(name, manager["hostname"], str(manager["block_id"]), seconds)
            error = serialize(RemoteExceptionWrapper(NodeLost, lost, None))
            report = {"type": "result", "task_id": task, "exception": error}
            self.results_outgoing.send(pickle.dumps(report))
        manager["tasks"] = []

    def _ours(self, command: Any) -> Any:
        """The answer to a command of ours; None to one of Parsl's."""
        if command == NODES:
            pools = {
                name.decode(): (each["block_id"], each["hostname"])
                for name, each in self._ready_managers.items()
            }
            return pools, list(self.connected_block_history)
        if isinstance(command, list) and command[0] == DROP:
            for name in command[1:]:
                if manager := self._ready_managers.get(name.encode()):
                    manager["last_heartbeat"] = 0.0
            return True
        return None


def main(arguments: list[str]) -> None:
    """Run the interchange whose configuration comes on standard input."""
    # Ctrl-C and the end of the terminal are for the driver, which then ends this.
    for each in (signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    os.setsid()
    if ENDS_WITH_PARENT in arguments:
        # Without it the workers would see a living interchange until the walltime.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    setproctitle("parsl: HTEX interchange")
    WatchedInterchange(**pickle.load(sys.stdin.buffer)).start()


if __name__ == "__main__":
    main(sys.argv[1:])
