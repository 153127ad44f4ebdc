"""Our interchange: Parsl's, which also knows the nodes, and soon gives up those that are gone.

It runs as a program beside the driver. It ends with it, does not get the signals of its terminal,
and does not count the time in which it was stopped itself as silence of the nodes.
"""

import argparse
import ctypes
import logging
import os
import pickle
import signal
import sys
import time
from typing import Any

import zmq

from polaris_parsl.configuration.blocks.liveness import Liveness
from polaris_parsl.configuration.parsl_internals.lean import lean_imports

with lean_imports():
    from polaris_parsl.configuration.parsl_internals.logs import make_what_is_logged

    make_what_is_logged()
    from parsl.app.errors import RemoteExceptionWrapper
    from parsl.executors.high_throughput.interchange import Interchange
    from parsl.serialize import serialize
    from parsl.utils import setproctitle

    from polaris_parsl.configuration.parsl_internals.node_lost import NodeLost
    from polaris_parsl.configuration.parsl_internals.pool import (
        DROP,
        ENDS_WITH_PARENT,
        HEARTBEAT_PERIOD,
        NODES,
    )

# Parsl's interchange answers a third command as it likes; the answer is replaced.
_HARMLESS = "WORKER_BINDS"
_PR_SET_PDEATHSIG = 1
# A pause longer than that was none of the nodes'.
_PAUSE_SECONDS = 2.0
# Nodes are looked at so often.
_LOOK_SECONDS = 0.5
# Of tasks that have ended it is forgotten when they began, in lots of so many.
_FORGET_AFTER = 10_000
# What a pool takes for the answer to a heartbeat; nothing follows from it.
_BEAT = pickle.dumps(2**32 - 1)
_JOB_HAS_ENDED = "its job was ended"


class WatchedInterchange(Interchange):
    """Parsl's interchange with two more commands, to list the nodes and to drop some, and a watch over them.

    Args:
        heartbeat_period: of the pools, in seconds.
        **options: Parsl's.
    """

    def __init__(self, heartbeat_period: float, **options: Any) -> None:
        super().__init__(**options)
        self._looked = self._next_look = time.time()
        self._answer: Any = None
        self._sent: dict[int, float] = {}  # when each task went to its pool
        self._most_sent = _FORGET_AFTER
        self._liveness = Liveness(heartbeat_period, time.time)
        self._strangers: dict[bytes, str] = {}  # addresses of unknown pools that have just spoken
        self._given_up: dict[bytes, Any] = {}  # pools that may come back
        self._watch_commands()
        self._watch_messages()

    def process_manager_socket_message(self, interesting_managers: Any, *more: Any) -> None:
        """Read a message of a pool; one that was given up and speaks again gets tasks again."""
        super().process_manager_socket_message(interesting_managers, *more)
        for name, address in self._strangers.items():
            if name in self._ready_managers:
                self._liveness.met(name, address)
                interesting_managers.add(name)
        self._strangers.clear()

    def expire_bad_managers(self, *arguments: Any) -> None:
        """Give up the nodes that are gone, and those that have been silent for too long."""
        now = time.time()
        pause, self._looked = now - self._looked, now
        if pause > _PAUSE_SECONDS:
            self._liveness.forgive(pause)
            for manager in self._ready_managers.values():
                manager["last_heartbeat"] += pause
        if now >= self._next_look:
            self._next_look = now + _LOOK_SECONDS
            self._look(now)
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

    def _look(self, now: float) -> None:
        beats = {name: each["last_heartbeat"] for name, each in self._ready_managers.items()}
        gone = self._liveness.look(beats, self._is_open)
        for name, beat in beats.items():
            if name not in gone and now - beat > self.heartbeat_threshold:
                gone[name] = f"it was silent for {self.heartbeat_threshold} s"
        for name, reason in gone.items():
            manager = self._ready_managers[name]
            self._give_up_tasks(name, manager, reason)
            self._given_up[name] = manager.copy()

    def _is_open(self, name: bytes) -> bool:
        """Whether there is a connection to a pool."""
        socket = self.manager_sock
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        try:
            socket.send_multipart([name, _BEAT], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            return error.errno != zmq.EHOSTUNREACH
        finally:
            socket.setsockopt(zmq.ROUTER_MANDATORY, 0)
        return True

    def _give_up_tasks(self, name: bytes, manager: Any, reason: str) -> None:
        """Report the tasks of a lost pool, with what Parsl's own report lacks, and let Parsl drop it."""
        now = time.time()
        for task in manager["tasks"]:
            seconds = now - self._sent.pop(task, now)
            where = manager["hostname"], str(manager["block_id"])
            lost = NodeLost(name, *where, seconds, reason)
            error = serialize(RemoteExceptionWrapper(NodeLost, lost, None))
            report = {"type": "result", "task_id": task, "exception": error}
            self.results_outgoing.send(pickle.dumps(report))
        manager["tasks"] = []
        manager["last_heartbeat"] = 0.0

    def _watch_commands(self) -> None:
        channel: Any = self.command_channel
        receive, send = channel.recv_pyobj, channel.send_pyobj

        def receive_command() -> Any:
            command = receive()
            self._answer = self._ours(command)
            return command if self._answer is None else _HARMLESS

        def send_answer(answer: Any) -> Any:
            return send(answer if self._answer is None else self._answer)

        channel.recv_pyobj, channel.send_pyobj = receive_command, send_answer

    def _watch_messages(self) -> None:
        messages: Any = self.manager_sock
        receive = messages.recv_multipart

        def receive_message() -> list[bytes]:
            frames = receive(copy=False)
            name = frames[0].bytes
            if name not in self._ready_managers:
                self._strangers[name] = frames[0].get("Peer-Address") or ""
                self._take_back(name)
            return [each.bytes for each in frames]

        messages.recv_multipart = receive_message

    def _take_back(self, name: bytes) -> None:
        """Count on a pool again that was given up, and has only been away."""
        manager = self._given_up.pop(name, None)
        if manager is not None:
            now = time.time()
            manager.update(tasks=[], active=True, last_heartbeat=now, idle_since=now)
            self._ready_managers[name] = manager

    def _ours(self, command: Any) -> Any:
        """The answer to a command of ours; None to one of Parsl's."""
        if command == NODES:
            silent = self._liveness.silent
            pools = {
                name.decode(): (each["block_id"], each["hostname"], name in silent)
                for name, each in self._ready_managers.items()
            }
            return pools, list(self.connected_block_history)
        if isinstance(command, list) and command[0] == DROP:
            for name in (each.encode() for each in command[1:]):
                self._given_up.pop(name, None)
                if manager := self._ready_managers.get(name):
                    self._give_up_tasks(name, manager, _JOB_HAS_ENDED)
            return True
        return None


def main(arguments: list[str]) -> None:
    """Run the interchange whose configuration comes on standard input."""
    parser = argparse.ArgumentParser()
    parser.add_argument(ENDS_WITH_PARENT, action="store_true")
    parser.add_argument(HEARTBEAT_PERIOD, type=float, required=True, dest="heartbeat_period")
    options = parser.parse_args(arguments)
    # Ctrl-C and the end of the terminal are for the driver, which then ends this.
    for each in (signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    os.setsid()
    if options.ends_with_parent:
        # Without it the workers would see a living interchange until the walltime.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    # of a log that cannot be written the driver says so, and not each line of it
    logging.raiseExceptions = False
    setproctitle("parsl: HTEX interchange")
    given = pickle.load(sys.stdin.buffer)
    WatchedInterchange(options.heartbeat_period, **given).start()


if __name__ == "__main__":
    main(sys.argv[1:])
