"""Values that are the same have the same key, and no others."""

import array
import enum
import functools
import itertools
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Lock
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np
import pytest
from parsl.data_provider.files import File
from parsl.dataflow.memoization import id_for_memo

from polaris_parsl.configuration.checkpoints.keys import NoKeyError, key_of


@dataclass
class Lattice:
    a: float
    atoms: Any


class Shape(NamedTuple):
    a: float
    atoms: Any


class Phase(enum.Enum):
    SOLID = 1
    LIQUID = 2


class Level(enum.IntEnum):
    LOW = 1


def first(_: int = 0) -> None: ...
def second() -> None: ...


def key(value: Any) -> bytes:
    return key_of(value, lambda function: function.__code__.co_code)


DIFFERENT = [
    None, True, False, 0, 1, 1.0, 0.0, -0.0, 1j, float("inf"), "1", b"1", "", b"", "\udce9",
    [], [1], [1, 2], [2, 1], [[1], 2], [1, [2]], (), (1,), (1, 2), Shape(1, 2), {}, {1: 2}, {2: 1},
    {"a": {"b": 1}}, set(), {1}, {1, 2}, frozenset([1]), frozenset(),
    bytearray(b"1"), array.array("d", [1.0]), array.array("i", [1]), memoryview(b"1"),
    Path("a"), Path("b"), Path("/a"), Lattice(1.0, [1]), Lattice(1.0, [2]), Lattice(2.0, [1]),
    Phase.SOLID, Phase.LIQUID, Level.LOW, date(2026, 1, 1), date(2026, 1, 2), timedelta(1), Decimal(1),
    Decimal("1.0"), range(2), range(3), slice(1), File("/data/a"), File("/data/b"),
    first, second, len, sum, Lattice, Phase, functools.partial(first, 1), functools.partial(first, 2),
    np.array([1.0, 2.0]), np.array([1, 2]), np.array([[1.0, 2.0]]), np.array([1.0, 2.5]),
    np.array([1.0, 2.0], dtype="f4"), np.float64(1.0), np.int64(1), np.float32(1), np.bool_(True),
    np.array(["2026-01-01"], dtype="M8[D]"), np.array(["a", None], dtype=object),
    np.array(["b", None], dtype=object), np.zeros(2, dtype=[("x", "f8"), ("y", "i4")]),
    np.zeros(2, dtype=[("x", "f8"), ("z", "i4")]), [np.array([1.0])], {"x": np.array([1.0])},
]  # fmt: skip


def test_no_two_values_have_the_same_key() -> None:
    keys: dict[bytes, Any] = {}
    for value in DIFFERENT:
        other = keys.setdefault(key(value), value)
        assert other is value, f"{value!r} has the key of {other!r}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a", "b", "c"}, {"c", "b", "a"}),
        (np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3))),
        (np.arange(6)[::2], np.array([0, 2, 4])),
        (Lattice(1.0, {"x": [1]}), Lattice(1.0, {"x": [1]})),
        (Path("a") / "b", Path("a/b")),
    ],
)
def test_the_same_value_made_otherwise_has_the_same_key(one: Any, other: Any) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    "value", [object(), [object()], {"a": (1, {object()})}, Lattice(1.0, iter([])), Lock()]
)
def test_a_value_without_a_key_is_refused_by_its_type(value: Any) -> None:
    with pytest.raises(NoKeyError, match=r"builtins\.object|list_iterator|_thread\.lock"):
        key(value)


def test_masked_values_have_no_key_because_their_mask_is_not_among_their_bytes() -> None:
    with pytest.raises(NoKeyError, match=r"numpy.*MaskedArray"):
        key(np.ma.masked_array([1, 2], mask=[True, False]))


def test_a_type_that_the_user_has_registered_with_parsl_has_that_key() -> None:
    class Own:
        def __init__(self, number: int) -> None:
            self.number = number

    @id_for_memo.register(Own)
    def _own(value: Own, output_ref: bool = False) -> bytes:
        return f"{value.number % 2} {output_ref}".encode()

    assert key(Own(1)) == key(Own(3))
    assert key(Own(1)) != key(Own(2))
    assert key([Own(1)]) != key_of([Own(1)], lambda _: b"", is_output=True)


def test_functions_differ_by_their_code() -> None:
    codes = itertools.count()

    def count(_: FunctionType) -> bytes:
        return bytes([next(codes)])

    assert key_of(first, count) != key_of(first, count)


def test_the_key_is_the_same_in_every_process() -> None:
    """Python orders sets otherwise in each process."""
    program = (
        "from polaris_parsl.configuration.checkpoints.keys import key_of\n"
        "print(key_of([{'a', 'b', 'c', 'd'}, {'x': frozenset('xyz')}], lambda _: b'').hex())"
    )
    here: dict[str, Any] = {}
    exec(program.replace("print(", "found = ("), here)  # noqa: S102 - the text above
    # another order than here, whatever that is
    seeds = {"1", "2"} - {os.environ.get("PYTHONHASHSEED", "")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": min(seeds)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == here["found"]
