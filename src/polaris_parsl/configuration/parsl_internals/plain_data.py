"""Plain arguments and results are written by pickle, everything else by dill, as Parsl does.

Since 2026.2 Parsl writes all data by dill, whose pickler is written in Python. What pickle writes of numbers, texts,
bytes and Python's own containers of these, every Parsl reads as if dill had written it.
"""

import io
import pickle
from typing import Any

from parsl.serialize.concretes import DillSerializer
from parsl.serialize.facade import register_method_for_data

from polaris_parsl.configuration.parsl_internals.internal import Internal

_FACADE = "parsl.serialize.facade"

INTERNALS = (
    Internal(
        _FACADE,
        "methods_for_data",
        "writes plain data by pickle, in the place of the method that writes them by dill",
        "2025.12.8",
        (f"{_FACADE}.serialize", f"{_FACADE}.register_method_for_data"),
    ),
)


class _NotPlainError(Exception):
    """There is something that pickle would ask how to write."""


class _PlainPickler(pickle.Pickler):
    """Writes what pickle knows by itself; subclasses of these are not that, nor are classes and functions."""

    def reducer_override(self, _: object) -> Any:
        raise _NotPlainError


class QuickSerializer(DillSerializer):
    """Parsl's method for all data, quicker for plain ones."""

    def serialize(self, data: Any) -> bytes:
        """The bytes of some data."""
        stream = io.BytesIO()
        try:
            _PlainPickler(stream).dump(data)
        except (_NotPlainError, RecursionError):
            return super().serialize(data)
        return stream.getvalue()


def write_plain_data_quickly() -> None:
    """Let Parsl do so in this process; it keeps one method of each name in the bytes."""
    register_method_for_data(QuickSerializer())
