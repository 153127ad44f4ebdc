"""Three users of one machine, each a process of its own: two members of a group and an outsider.

Only root can act as others. Everybody else acts as himself: what must not be touched is
the same.
"""

import grp
import os
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

GROUP = 70000
# Numbers without names, but for the outsider: of a user without a name no group is known.
USERS = {"victim": 70001, "member": 70002, "outsider": 65534}
IS_ROOT = os.geteuid() == 0
OURS = GROUP if IS_ROOT else os.getegid()


def act(user: str, call: Callable[[], Any], *, umask: int = 0o022) -> Any:
    """What a call returns, or raises, in a process of a user."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        _answer(user, call, umask, write)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        content = stream.read()
    os.waitpid(child, 0)
    result, failure = pickle.loads(content)
    assert not failure, failure
    return result


@contextmanager
def ready(user: str, call: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """A process of a user that waits; what is given lets it make a call, also from another process."""
    read_end, write_end = os.pipe()
    ended, end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write_end)
        if os.read(read_end, 1):
            _answer(user, lambda: call() and None, 0o022, end)
        os._exit(0)
    os.close(read_end)
    os.close(end)

    def now() -> None:
        os.write(write_end, b"x")
        answer = b"".join(iter(lambda: os.read(ended, 1 << 16), b""))
        assert pickle.loads(answer) == (None, "")

    yield now
    os.close(write_end)
    os.close(ended)
    os.waitpid(child, 0)


def _answer(user: str, call: Callable[[], Any], umask: int, write: int) -> None:
    try:
        if IS_ROOT:
            os.setgroups([] if user == "outsider" else [GROUP])
            os.setresgid(*[USERS[user]] * 3)
            os.setresuid(*[USERS[user]] * 3)
        os.umask(umask)
        answer: tuple[Any, str] = call(), ""
    except BaseException:  # noqa: BLE001 (the caller must see whatever it is)
        answer = None, traceback.format_exc()
    with os.fdopen(write, "wb") as stream:
        stream.write(pickle.dumps(answer))
    sys.stdout.flush()
    os._exit(0)


def group_word() -> str:
    """The group as a word of the command line."""
    try:
        return grp.getgrgid(OURS).gr_name
    except KeyError:
        return str(OURS)
