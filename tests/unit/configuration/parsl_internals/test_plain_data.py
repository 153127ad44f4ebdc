"""Plain data are written by pickle, others by dill, and every Parsl reads both."""

import collections
import enum
import pickle
import subprocess
import sys
from typing import Any

import dill  # type: ignore[import-untyped]
import pytest
from parsl.serialize import deserialize, facade, pack_apply_message, serialize, unpack_apply_message

from polaris_parsl.configuration.parsl_internals.plain_data import (
    QuickSerializer,
    write_plain_data_quickly,
)

PLAIN = [
    None, True, 7, 1.5, "é", b"\0", (), [1, [2, (3,)]], {"a": {1, 2}, 2: frozenset({3})},
    10**40, "\ud800", [float("inf")],
]  # fmt: skip


class Colour(enum.IntEnum):
    """A number that is more than one."""

    RED = 1


OTHERS: list[Any] = [
    Colour.RED,
    bytearray(b"x"),
    [collections.OrderedDict(a=1)],
    {"error": ValueError("no")},
    (len, lambda: 3),
    range(3),
]
# A class that only this program has; another process reads what it wrote.
PROGRAM = """
import sys
from parsl.serialize import serialize
from polaris_parsl.configuration.parsl_internals.plain_data import write_plain_data_quickly
write_plain_data_quickly()
class Energy(int):
    pass
sys.stdout.buffer.write(serialize([Energy(3), {"plain": 1}]))
"""


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facade, "methods_for_data", {**facade.methods_for_data})
    write_plain_data_quickly()


def test_it_takes_the_place_of_the_method_that_every_parsl_reads() -> None:
    assert list(facade.methods_for_data) == [b"02"]
    assert isinstance(facade.methods_for_data[b"02"], QuickSerializer)


@pytest.mark.parametrize("data", PLAIN, ids=repr)
def test_plain_data_are_written_without_dill(data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dill, "dumps", None)
    written = serialize(data)
    header, _, body = written.partition(b"\n")
    assert header == b"02"
    for read in (deserialize(written), dill.loads(body), pickle.loads(body)):
        assert (read, type(read)) == (data, type(data))


@pytest.mark.parametrize("data", OTHERS, ids=lambda data: type(data).__name__)
def test_other_data_are_written_as_dill_writes_them(
    data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dill, "dumps", lambda each: b"by dill" if each is data else b"")
    assert QuickSerializer().serialize(data) == b"by dill"


def test_a_class_of_the_script_comes_with_its_data() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    number, plain = deserialize(done.stdout)
    assert (int(number), type(number).__name__, plain) == (3, "Energy", {"plain": 1})


def test_what_refers_to_itself_still_does() -> None:
    data: list[Any] = [1]
    data.append(data)
    read = deserialize(serialize(data))
    assert read[1] is read


def test_a_task_is_written_and_read_as_before() -> None:
    def function(number: int, *, by: int) -> int:
        return number * by

    read, arguments, named = unpack_apply_message(pack_apply_message(function, (3,), {"by": 2}))
    assert read(*arguments, **named) == 6
